"""The page in headless Chromium: upload, display, sliders, download."""

from __future__ import annotations

import os
import shutil
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from edgeseg.imaging.arrays import Mask
from edgeseg.imaging.photo import decode_mask, read_mask
from edgeseg.segmenter import Segmenter
from edgeseg.synthetic import generate_photo

webdriver = pytest.importorskip("selenium.webdriver", reason="needs the extra 'dev'")

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
TIMEOUT_S = 60

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(
        CHROMIUM is None or DRIVER is None,
        reason="Chromium is not installed (apt-get install chromium chromium-driver)",
    ),
]

PAGE_MASK = """
const done = arguments[arguments.length - 1];
import("/static/app.js").then(({ current }) => {
  if (!current?.mask) return done(null);
  done([current.photograph.name, current.segmentation.width, current.mask.join("")]);
});
"""
MEASURED = """
const [key, done] = arguments;
import("/static/app.js").then(({ current }) => done(current.photograph.records[0][key]));
"""
# The first request is sent when `sendHeld` is called.
HOLD_REQUEST = """
const send = XMLHttpRequest.prototype.send;
XMLHttpRequest.prototype.send = function (form) {
  XMLHttpRequest.prototype.send = send;
  window.sendHeld = (done) => {
    this.addEventListener("loadend", () => setTimeout(done, 200));
    send.call(this, form);
  };
};
"""
# The first request receives this status and body.
FAIL_REQUEST = """
const [status, body] = arguments;
const send = XMLHttpRequest.prototype.send;
XMLHttpRequest.prototype.send = function () {
  XMLHttpRequest.prototype.send = send;
  Object.defineProperties(this, {
    status: { value: status },
    response: { value: new Blob([JSON.stringify(body)]) },
    getResponseHeader: { value: (name) => (name === "Retry-After" ? "0" : null) },
  });
  setTimeout(() => this.onload());
};
"""
SLIDE = """
const [slider, value] = arguments;
slider.value = value;
for (const type of ["input", "change"]) slider.dispatchEvent(new Event(type));
"""


@pytest.fixture(scope="module")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def browser(downloads: Path) -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.add_argument("--window-size=1400,900")
    preferences = {
        "download.default_directory": str(downloads),
        "profile.default_content_setting_values.automatic_downloads": 1,
    }
    options.add_experimental_option("prefs", preferences)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    opened = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    opened.set_script_timeout(TIMEOUT_S)
    yield opened
    opened.quit()


@pytest.fixture(scope="module")
def url(tiny_model: Path, serving: Callable[..., AbstractContextManager[Any]]) -> Iterator[str]:
    with serving("--model", str(tiny_model)) as server:
        yield server.url


def wait_for(condition: Callable[[], Any]) -> Any:
    end = time.monotonic() + TIMEOUT_S
    while not (value := condition()):
        assert time.monotonic() < end, "the page did not reach the expected state"
        time.sleep(0.05)
    return value


def open_with(browser: Any, url: str, *files: Path) -> None:
    browser.get(url)
    wait_for(lambda: "Model" in browser.find_element("id", "model").text)
    if files:
        browser.find_element("id", "files").send_keys("\n".join(map(str, files)))


def entries(browser: Any) -> dict[str, str]:
    """Return the state of each photograph in the list."""
    states: dict[str, str] = browser.execute_script(
        "return Object.fromEntries([...document.querySelectorAll('.entry')]"
        ".map((entry) => [entry.querySelector('.name').textContent, entry.dataset.state]))"
    )
    return states


def wait_until_done(browser: Any, count: int) -> None:
    wait_for(
        lambda: sum(state in {"done", "failed"} for state in entries(browser).values()) == count
    )


def select(browser: Any, name: str) -> None:
    script = (
        "[...document.querySelectorAll('.entry')].find((entry) => "
        "entry.querySelector('.name').textContent === arguments[0]).click()"
    )
    browser.execute_script(script, name)


def page_mask(browser: Any, name: str) -> Mask:
    """Return the mask that the page displays for a photograph, (H, W) uint8 {0, 255}."""

    def read() -> tuple[int, str] | None:
        shown = browser.execute_async_script(PAGE_MASK)
        return (shown[1], shown[2]) if shown and shown[0] == name else None

    width, text = wait_for(read)
    flat: npt.NDArray[np.uint8] = np.frombuffer(text.encode(), np.uint8) - ord("0")
    return (flat * 255).reshape(-1, width)


def slide(browser: Any, name: str, value: float) -> None:
    browser.execute_script(SLIDE, browser.find_element("id", name), value)


def choose_eye(browser: Any, eye: str) -> None:
    script = "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('change'))"
    browser.execute_script(script, browser.find_element("id", "eye"), eye)


def measured(browser: Any, key: str) -> object:
    """Return the value of a key in the displayed record."""
    return browser.execute_async_script(MEASURED, key)


def errors(browser: Any) -> list[str]:
    """Return the messages of the console, except messages about failed photographs."""
    messages = [entry["message"] for entry in browser.get_log("browser")]
    return [message for message in messages if "422" not in message]


def test_page_shows_masks_of_run(
    browser: Any, url: str, photographs: dict[str, Path], tiny_model: Path
) -> None:
    open_with(browser, url, *photographs.values())
    wait_until_done(browser, 7)
    assert entries(browser)["notes.txt"] == "failed"
    segmenter = Segmenter(tiny_model, threads=1)
    for name in ("eye.png", "turned.jpg", "both.png", "pages.tif"):
        select(browser, name)
        shown = page_mask(browser, name)
        assert np.array_equal(shown, segmenter.segment(photographs[name]).mask)
    select(browser, "pages.tif, image 2")
    second = page_mask(browser, "pages.tif, image 2")
    assert np.array_equal(second, segmenter.segment(generate_photo(1, 420).photo).mask)
    select(browser, "both.png")
    page_mask(browser, "both.png")
    assert len(browser.find_elements("css selector", ".field")) == 2
    assert errors(browser) == []


@pytest.mark.parametrize("threshold", [0.3, 0.42, 0.465, 0.55, 0.7])
def test_page_threshold_slider_equals_threshold_option(
    browser: Any, url: str, photographs: dict[str, Path], tiny_model: Path, threshold: float
) -> None:
    if not entries(browser):
        open_with(browser, url, photographs["eye.png"])
        wait_until_done(browser, 1)
    select(browser, "eye.png")
    page_mask(browser, "eye.png")
    slide(browser, "threshold", threshold)
    shown = page_mask(browser, "eye.png")
    segmenter = Segmenter(tiny_model, threads=1, threshold=threshold)
    expected = segmenter.segment(photographs["eye.png"]).mask
    difference = np.count_nonzero(shown != expected)
    assert difference <= 0.005 * max(200, cv2.countNonZero(expected))
    wait_for(lambda: measured(browser, "threshold") == threshold)


def test_page_ignores_answer_of_older_measurement(
    browser: Any, url: str, photographs: dict[str, Path]
) -> None:
    open_with(browser, url, photographs["eye.png"])
    wait_until_done(browser, 1)
    page_mask(browser, "eye.png")
    browser.execute_script(HOLD_REQUEST)
    choose_eye(browser, "left")
    choose_eye(browser, "right")
    wait_for(lambda: measured(browser, "eye") == "right")
    browser.execute_async_script("window.sendHeld(arguments[0])")
    assert measured(browser, "eye") == "right"


def test_page_repeats_measurement_if_server_is_busy(
    browser: Any, url: str, photographs: dict[str, Path]
) -> None:
    open_with(browser, url, photographs["eye.png"])
    wait_until_done(browser, 1)
    page_mask(browser, "eye.png")
    browser.execute_script(FAIL_REQUEST, 503, {"detail": "busy"})
    slide(browser, "threshold", 0.4)
    wait_for(lambda: measured(browser, "threshold") == 0.4)


def test_page_replaces_measures_by_error_until_next_measurement(
    browser: Any, url: str, photographs: dict[str, Path]
) -> None:
    open_with(browser, url, photographs["eye.png"])
    wait_until_done(browser, 1)
    page_mask(browser, "eye.png")
    browser.execute_script(FAIL_REQUEST, 500, {"detail": "out of order"})
    choose_eye(browser, "left")
    wait_for(lambda: browser.find_element("id", "measures").text == "out of order")
    choose_eye(browser, "right")
    wait_for(lambda: measured(browser, "eye") == "right")
    assert not browser.find_elements("css selector", "#measures .error")


def test_page_reports_file_that_was_changed_after_its_selection(
    browser: Any, url: str, photographs: dict[str, Path], tmp_path: Path
) -> None:
    eye = tmp_path / "eye.png"
    shutil.copy(photographs["eye.png"], eye)
    open_with(browser, url, eye)
    wait_until_done(browser, 1)
    page_mask(browser, "eye.png")
    shutil.copy(photographs["both.png"], eye)
    os.utime(eye, (0, 0))  # Chromium compares whole seconds
    choose_eye(browser, "left")
    wait_for(lambda: browser.find_elements("css selector", "#measures .error"))
    assert not browser.find_element("id", "offline").is_displayed()
    browser.execute_script(HOLD_REQUEST)
    browser.find_element("id", "files").send_keys(str(eye))
    wait_for(lambda: browser.execute_script("return Boolean(window.sendHeld)"))
    eye.unlink()
    browser.execute_async_script("window.sendHeld(arguments[0])")
    wait_for(lambda: browser.find_element("css selector", ".entry[data-state=failed]"))
    assert not browser.find_element("id", "offline").is_displayed()


def test_page_download_uses_threshold_of_slider(
    browser: Any, url: str, photographs: dict[str, Path], tiny_model: Path, downloads: Path
) -> None:
    open_with(browser, url, photographs["eye.png"])
    wait_until_done(browser, 1)
    page_mask(browser, "eye.png")
    slide(browser, "threshold", 0.45)
    buttons: list[Any] = browser.find_elements("css selector", ".downloads button")
    browser.execute_script("arguments[0].click()", buttons[-1])
    wait_for((downloads / "eye.zip").exists)
    expected = Segmenter(tiny_model, threads=1, threshold=0.45).segment(photographs["eye.png"]).mask
    with zipfile.ZipFile(downloads / "eye.zip") as archive:
        assert np.array_equal(decode_mask(archive.read("eye_vessels.png")), expected)
    for button in buttons[:-1]:
        wait_for(button.is_enabled)
        browser.execute_script("arguments[0].click()", button)
    wait_for((downloads / "eye_vessels.png").exists)
    wait_for((downloads / "eye_overlay.jpg").exists)
    wait_for((downloads / "eye_record.json").exists)
    assert np.array_equal(read_mask(downloads / "eye_vessels.png"), expected)


def test_page_works_with_keyboard_only(
    browser: Any, url: str, photographs: dict[str, Path]
) -> None:
    open_with(browser, url, photographs["eye.png"], photographs["both.png"])
    wait_until_done(browser, 2)
    page_mask(browser, "eye.png")
    keys = webdriver.Keys

    def press(*pressed: str) -> None:
        webdriver.ActionChains(browser).send_keys(*pressed).perform()

    def is_hidden() -> bool:
        return bool(
            browser.execute_script("return document.body.hasAttribute('data-overlay-hidden')")
        )

    press(keys.ARROW_RIGHT)
    page_mask(browser, "both.png")
    press(keys.ARROW_LEFT)
    page_mask(browser, "eye.png")
    press(" ")
    assert is_hidden()
    press(" ")
    assert not is_hidden()
    press("?")
    assert browser.find_element("id", "keys").get_attribute("open")
    press(keys.ESCAPE)
    assert not browser.find_element("id", "keys").get_attribute("open")
    reached = set()
    for _ in range(30):
        press(keys.TAB)
        element = browser.switch_to.active_element
        reached.add(element.get_attribute("id") or element.get_attribute("class"))
    assert {"add", "help", "entry", "threshold", "opacity", "zoom-in", "pane-left"} <= reached


def test_page_reports_offline_server_and_continues(
    browser: Any,
    photographs: dict[str, Path],
    tiny_model: Path,
    serving: Callable[..., AbstractContextManager[Any]],
) -> None:
    with serving("--model", str(tiny_model)) as server:
        open_with(browser, server.url)
        port = server.url.rstrip("/").rsplit(":", 1)[1]
    browser.find_element("id", "files").send_keys(str(photographs["eye.png"]))
    wait_for(lambda: entries(browser) == {"eye.png": "offline"})
    assert browser.find_element("id", "offline").is_displayed()
    with serving("--model", str(tiny_model), "--port", port):
        wait_until_done(browser, 1)
        assert entries(browser) == {"eye.png": "done"}
        assert not browser.find_element("id", "offline").is_displayed()
        page_mask(browser, "eye.png")
    slide(browser, "threshold", 0.4)
    wait_for(lambda: browser.find_elements("css selector", "#measures .error"))
    with serving("--model", str(tiny_model), "--port", port):
        wait_for(lambda: measured(browser, "threshold") == 0.4)


def test_page_asks_for_token(
    browser: Any,
    photographs: dict[str, Path],
    tiny_model: Path,
    serving: Callable[..., AbstractContextManager[Any]],
) -> None:
    arguments = ("--model", str(tiny_model), "--host", "0.0.0.0")
    token = "+/%41&=#0123456789abcdef"
    with serving(*arguments, EDGESEG_TOKEN=token) as server:
        open_with(browser, server.url)  # with the token
        browser.execute_script("sessionStorage.clear()")
        browser.get(server.url.split("#")[0])
        dialog = browser.find_element("id", "token-dialog")
        wait_for(dialog.is_displayed)
        browser.find_element("id", "token").send_keys(token, webdriver.Keys.ENTER)
        wait_for(lambda: "Model" in browser.find_element("id", "model").text)
        browser.find_element("id", "files").send_keys(str(photographs["eye.png"]))
        wait_until_done(browser, 1)
        assert entries(browser) == {"eye.png": "done"}
