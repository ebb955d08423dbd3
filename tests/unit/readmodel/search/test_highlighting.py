"""The typed words are marked in a text of any script, and the rest is escaped."""

from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readmodel.search.folding import fold
from readmodel.search.highlighting import END_MARK, MARK, marked
from readmodel.search.words import words_in


@pytest.mark.parametrize(
    ("text", "typed", "html"),
    [
        ("Kafka Night", "kaf", "<mark>Kaf</mark>ka Night"),
        ("Kafka Night", "night ka", "<mark>Ka</mark>fka <mark>Night</mark>"),
        ("Zoë’s Straßenfest", "zoe strasse", "<mark>Zoë</mark>’s <mark>Straße</mark>nfest"),
        ("Zoe\u0308", "zoë", "<mark>Zoë</mark>"),
        ("Ёлка", "елк", "<mark>Ёлк</mark>а"),
        ("東京ドームのコンサート", "ドーム", "東京<mark>ドーム</mark>のコンサート"),
        ("Artist in Art Hall", "art ha", "Artist in <mark>Art</mark> <mark>Ha</mark>ll"),
        ("Kafka Kafkaesque", "kafka kafk", "<mark>Kafka</mark> <mark>Kafk</mark>aesque"),
        ("北京国家大剧院", "大剧", "北京国家<mark>大剧</mark>院"),
        ("서울 재즈", "서울", "<mark>서울</mark> 재즈"),
        ("<b>Kafka & co</b>", "ka", "&lt;b&gt;<mark>Ka</mark>fka &amp; co&lt;/b&gt;"),
        ("Kafka", "afka", "Kafka"),
        ("VIP-A1", "vip-a", "<mark>VIP-A</mark>1"),
        ("a.b*c", ".*", "a.b*c"),
        ("L’Olympia", "olymp", "L’<mark>Olymp</mark>ia"),
        ("L’Olympia", "l'olympia", "<mark>L’Olympia</mark>"),
        ("Opéra", "l'opera", "<mark>Opéra</mark>"),
        ("O’Connor", "oconn", "<mark>O’Conn</mark>or"),
        ("コンサートホール", "ほーる", "コンサート<mark>ホール</mark>"),
        ("Rock ライブ", "ライブ rock", "<mark>Rock</mark> <mark>ライブ</mark>"),
        ("東京ドームライブ", "東京ライブ", "<mark>東京</mark>ドーム<mark>ライブ</mark>"),
        ("شَارِعُ المُوسِيقَى", "موسيقى", "شَارِعُ ال<mark>مُوسِيقَى</mark>"),
        ("แม่น้ำเจ้าพระยา", "น้ำ", "แม่<mark>น้ำ</mark>เจ้าพระยา"),
        ("התיאטרון הבימה", "בימה", "התיאטרון ה<mark>בימה</mark>"),
        ("للأوبرا", "الاوبرا", "لل<mark>أوبرا</mark>"),
        ("秋のコンサートホール", "コンサ－ト", "秋の<mark>コンサート</mark>ホール"),
        ("コンピュータ展", "コンピューター", "<mark>コンピュータ</mark>展"),
        ("ada.lovelace@example.org", "ada.love", "<mark>ada.love</mark>lace@example.org"),
    ],
)
def test_words_are_marked_and_the_last_one_may_be_a_prefix(text: str, typed: str, html: str) -> None:
    assert marked(text, words_in(typed)) == html


@given(st.text(), st.text())
def test_marking_does_not_change_the_text(text: str, typed: str) -> None:
    html = marked(text, words_in(typed))

    assert fold(unescape(html.replace(MARK, "").replace(END_MARK, ""))) == fold(text)
