"""Operate a browser as a person does."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from axe_selenium_python import Axe
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver import Chrome, ChromeOptions, Keys
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.waiting import wait_until

ABORTED = ("htmx:afterRequest", "htmx:sendAbort")
"""How htmx reports a request that a newer one has replaced: typing on is no error."""
DRIVER = shutil.which("chromedriver")
DESK = 1280, 900
PHONE = 360, 740


@contextmanager
def opened_chrome() -> Iterator[Chrome]:
    """Open a browser of a person with British English, whose time zone is Europe/Berlin."""
    options = ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars", "--lang=en"):
        options.add_argument(argument)
    options.add_experimental_option("prefs", {"intl.accept_languages": "en-GB,en"})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options, Service(DRIVER, env=os.environ | {"TZ": "Europe/Berlin"}))
    yield driver
    driver.quit()


class Visitor:
    """Opens pages, types, clicks, and reads what a page shows."""

    def __init__(self, chrome: Chrome, url: str) -> None:
        self.chrome = chrome
        self.url = url
        self.resize(*DESK)
        self.prefer("light")

    def log_in(self, session: str) -> None:
        self.chrome.get("about:blank")  # stops the requests of the previous test's page
        self.chrome.execute_cdp_cmd("Network.clearBrowserCookies", {})
        self.complaints()
        cookie = {"name": "sessionid", "value": session, "url": self.url}
        self.chrome.execute_cdp_cmd("Network.setCookie", cookie)

    def resize(self, width: int, height: int) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def prefer(self, scheme: str) -> None:
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def open(self, path: str) -> None:
        self.chrome.get(f"{self.url}{path}")

    @property
    def path(self) -> str:
        return urlsplit(self.chrome.current_url).path

    @property
    def parameters(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.chrome.current_url).query)

    def find(self, selector: str) -> WebElement:
        return self.chrome.find_element(By.CSS_SELECTOR, selector)

    def texts(self, selector: str) -> list[str]:
        return [element.text for element in self.chrome.find_elements(By.CSS_SELECTOR, selector)]

    def text(self, selector: str) -> str:
        return self.find(selector).text

    def press(self, *keys: str) -> None:
        for key in keys:
            self.chrome.switch_to.active_element.send_keys(key)

    def retype(self, text: str) -> None:
        self.find("#q").send_keys(Keys.CONTROL, "a")
        self.find("#q").send_keys(text)

    def click(self, selector: str) -> None:
        """Click, also if the page replaces the element at the same moment."""

        def clicked(page: "Visitor") -> bool:
            page.find(selector).click()
            return True

        self.sees(clicked)

    def sees[T](self, look: Callable[["Visitor"], T]) -> T:
        """Wait until `look` returns something true, while the page changes; return it."""

        def steady() -> T | None:
            try:
                return look(self)
            except (StaleElementReferenceException, NoSuchElementException):
                return None

        return wait_until(steady)  # type: ignore[return-value]

    def violations(self) -> list[str]:
        """Return the accessibility problems that axe-core finds in light mode, and of the colours in dark mode."""
        axe = Axe(self.chrome)
        axe.inject()
        found: list[dict[str, Any]] = axe.run()["violations"]
        self.prefer("dark")
        found += axe.run(options="{runOnly: ['color-contrast']}")["violations"]
        self.prefer("light")
        return [f"{violation['id']}: {node['html']}" for violation in found for node in violation["nodes"]]

    @property
    def width(self) -> int:
        """The page's width, including content outside the window."""
        return self.chrome.execute_script("return document.documentElement.scrollWidth")  # type: ignore[no-any-return]

    def complaints(self) -> list[str]:
        """Return new messages in the browser's console, including violations of the Content Security Policy."""
        messages = [entry["message"] for entry in self.chrome.get_log("browser")]
        return [text for text in messages if not any(name in text for name in ABORTED)]

    def cut_network(self, *, is_cut: bool) -> None:
        """Take the network away from the page, or give it back."""
        conditions = {"offline": is_cut, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        self.chrome.execute_cdp_cmd("Network.enable", {})
        self.chrome.execute_cdp_cmd("Network.emulateNetworkConditions", conditions)

    def check_in(self, text: str) -> tuple[str, str]:
        """Type a code on the gate's page; return the answer's word and its reason once they are there."""
        self.chrome.execute_script("document.querySelector('#answer .word').textContent = '…'")
        self.find("#typed").send_keys(text)
        self.click("#code button")
        self.sees(lambda page: page.text("#answer .word") != "…")
        return self.text("#answer .word"), self.text("#answer .why")

    def photograph(self, path: Path) -> None:
        self.chrome.save_screenshot(str(path))
