"""Chapters played in JupyterLab, in a headless Chromium whose microphone plays a file."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest

from s2i_lib import speech
from s2i_lib.audio import save_audio
from s2i_lib.widgets import SENTENCE, START

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PATIENCE = 120_000  # milliseconds
SETTINGS = {  # every cell is in the page, also those out of sight; nothing is asked of the network
    "notebook-extension/tracker": '{"windowingMode": "none"}',
    "apputils-extension/notification": '{"fetchNews": "false", "checkForUpdates": false}',
}
sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium here; Debian's package is called chromium"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What JupyterLab shows: chapter 01 as committed, the cells of chapter 08 that a voice needs, and what will be said."""
    folder = tmp_path_factory.mktemp("lab")
    shutil.copy(ROOT / "notebooks" / "01_data.ipynb", folder)
    gallery = nbformat.read(ROOT / "notebooks" / "08_gallery.ipynb", 4)
    needed = ("08-02", "08-03", "08-speak-text", "08-speak")
    gallery.cells = [cell for cell in gallery.cells if cell.id in needed]
    nbformat.write(gallery, folder / "speak.ipynb")
    save_audio(folder / "said.wav", speech.synthesize(SENTENCE.format(**START)))
    return folder


@pytest.fixture(scope="module")
def address(folder):
    """Of a JupyterLab that runs while the tests of this file do."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {"ServerApp.port": port, "ServerApp.root_dir": folder, "IdentityProvider.token": "secret"}
    options = [f"--{name}={value}" for name, value in settings.items()]
    for name, content in SETTINGS.items():
        path = folder / "config" / "lab" / "user-settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "S2I_ROOT": str(folder), "JUPYTER_CONFIG_DIR": str(folder / "config")}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--expose-app-in-browser", *options]
    with open(folder / "lab.log", "w") as log:
        server = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log)
    try:
        _wait_for(f"http://127.0.0.1:{port}/api?token=secret", server)
        yield f"http://127.0.0.1:{port}/lab/tree/{{}}?token=secret&reset"
    finally:
        server.terminate()
        server.wait(60)


def _wait_for(url: str, server: subprocess.Popen) -> None:
    for _ in range(240):
        assert server.poll() is None, "JupyterLab has ended"
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            time.sleep(0.5)
    raise AssertionError("JupyterLab does not answer")


@pytest.fixture
def page(folder):
    device = ["--use-fake-device-for-media-stream", f"--use-file-for-fake-audio-capture={folder / 'said.wav'}"]
    arguments = ["--use-fake-ui-for-media-stream", "--no-sandbox", "--autoplay-policy=no-user-gesture-required", *device]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        page = browser.new_page(viewport={"width": 1300, "height": 1000})
        page.set_default_timeout(PATIENCE)
        yield page
        browser.close()


def failed_cells(page) -> list[str]:
    return page.locator(".jp-RenderedText[data-mime-type='application/vnd.jupyter.error']").all_inner_texts()


def play(page, address: str, notebook: str) -> None:
    """Open a notebook and run all of its cells."""
    page.goto(address.format(notebook))
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    shown = "window.jupyterapp.shell.currentWidget"
    page.wait_for_function(
        f"{shown}?.context?.path === '{notebook}' && {shown}.sessionContext.session?.kernel?.status === 'idle'"
    )
    page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
    assert not failed_cells(page)


def picture_of(page) -> str:
    """The address of the widget's picture, once it has been loaded."""
    picture = page.locator("img.widget-image:visible").last
    picture.scroll_into_view_if_needed()
    page.wait_for_function("() => [...document.querySelectorAll('img.widget-image')].some((image) => image.naturalWidth > 300)")
    return picture.get_attribute("src")


def shoot(page, name: str) -> None:
    """Keep what the page looks like where S2I_SCREENSHOTS names a folder for it, bright and dark."""
    if target := os.environ.get("S2I_SCREENSHOTS"):
        for theme in ("JupyterLab Light", "JupyterLab Dark"):
            page.evaluate(f"window.jupyterapp.commands.execute('apputils:change-theme', {{theme: '{theme}'}})")
            page.wait_for_timeout(3000)
            page.screenshot(path=str(Path(target) / f"{name}_{theme.split()[1].lower()}.png"))


def test_a_voice_is_drawn(page, address):
    play(page, address, "speak.ipynb")
    page.get_by_role("button", name="Record").click()
    page.wait_for_timeout(6000)
    page.get_by_role("button", name="Stop and draw").click()
    picture_of(page)
    shoot(page, "speak")
    assert "crown" not in page.locator(".widget-html-content").last.inner_text(), (
        "the example is shown until something was drawn"
    )
    assert page.locator("audio:visible").last.evaluate("sound => sound.duration") > 2
    assert not failed_cells(page)


def test_a_chapter_plays_through_and_its_widget_answers(page, address):
    play(page, address, "01_data.ipynb")
    before = picture_of(page)
    page.get_by_label("crown").select_option("purple")
    page.wait_for_function(f"() => document.querySelector('img.widget-image').src !== '{before}'")
    page.get_by_role("button", name="Listen").click()
    page.wait_for_function("() => [...document.querySelectorAll('audio')].some((sound) => sound.duration > 1)")
    shoot(page, "build")
    assert not failed_cells(page)
