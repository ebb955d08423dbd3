from events.processes.progress import LONGEST_LOOK_SECONDS, Silence, last_progress, progress


def test_the_time_without_progress_grows_while_it_works() -> None:
    silence = Silence()

    looks = [silence.look(float(now), progress_at=9.5, works=True) for now in (10, 11, 12)]

    assert looks == [0, 1, 2]


def test_progress_and_rest_end_the_silence() -> None:
    silence = Silence()
    for now in (10, 11, 12):
        silence.look(now, progress_at=9.5, works=True)

    assert silence.look(13, progress_at=12.5, works=True) == 0
    assert silence.look(14, progress_at=12.5, works=True) == 1
    assert silence.look(15, progress_at=12.5, works=False) == 0


def test_the_time_for_which_a_process_was_stopped_hardly_counts() -> None:
    silence = Silence()
    silence.look(10, progress_at=9.5, works=True)

    assert silence.look(1_000, progress_at=9.5, works=True) == LONGEST_LOOK_SECONDS


def test_to_report_progress_is_progress() -> None:
    before = last_progress()

    progress()

    assert last_progress() > before
