"""Look at a run's report.html in a real browser: what its console says, what it asks for, what sticks out of the page.

    python benchmarks/report_in_browser.py runs/digits/report.html --out shots

Needs Chromium on PATH. It is driven through its DevTools protocol over a pipe, so nothing else is needed. For a desktop
and a telephone, light and dark, a picture of the whole page is written to --out.

Exit status: 1 if anything was found.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from base64 import b64decode
from pathlib import Path
from typing import Any

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
    "--remote-debugging-pipe",
)  # fmt: skip
VIEWS = {"desktop": (1200, 900), "phone": (400, 800)}
MOST_HEIGHT = 16_000  # pixels; a browser draws no more at once
LOOK = """(async () => {
  const films = [...document.querySelectorAll('video')];
  const waiting = () => films.some(v => !v.error && v.readyState < 2);
  for (let n = 0; n < 50 && waiting(); n++) await new Promise(done => setTimeout(done, 100));
  return {
    broken: [...document.images].filter(i => !i.complete || !i.naturalWidth).map(i => i.alt),
    films: films.filter(v => v.readyState < 2).map(v => v.getAttribute('aria-label')),
    wide: document.documentElement.scrollWidth - innerWidth,
    height: document.documentElement.scrollHeight,
    scripts: document.scripts.length,
  };
})()"""


class Browser:
    """A headless Chromium that is spoken to over a pipe: JSON, each message ended by a zero byte."""

    def __init__(self, program: str, profile: str) -> None:
        theirs_in, self.out = os.pipe()
        self.into, theirs_out = os.pipe()
        # Chromium listens on descriptor 3 and answers on 4.
        start = f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}'
        self.process = subprocess.Popen(
            ["sh", "-c", start, "sh", program, *FLAGS, f"--user-data-dir={profile}"],
            pass_fds=(theirs_in, theirs_out), stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(theirs_in)
        os.close(theirs_out)
        self.rest = b""
        self.number = 0
        self.session: str | None = None
        self.events: list[dict[str, Any]] = []

    def read(self) -> dict[str, Any]:
        """Return the next message; raises RuntimeError if the browser is gone."""
        while b"\0" not in self.rest:
            more = os.read(self.into, 1 << 20)
            if not more:
                raise RuntimeError("the browser ended before it was asked to")
            self.rest += more
        message, _, self.rest = self.rest.partition(b"\0")
        return dict(json.loads(message))

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method and return its result; events that come before it are kept."""
        self.number += 1
        message: dict[str, Any] = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.read()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return dict(answer["result"])
            self.events.append(answer)

    def wait(self, method: str) -> None:
        """Read until an event has come."""
        while not any(event.get("method") == method for event in self.events):
            self.events.append(self.read())

    def look(self, address: str, size: tuple[int, int], scheme: str) -> tuple[list[str], bytes]:
        """Open a page; return what is wrong with it and a picture of it, PNG."""
        self.events.clear()
        width, height = size
        media = [{"name": "prefers-color-scheme", "value": scheme}]
        self.ask("Emulation.setEmulatedMedia", features=media)
        shape = {"width": width, "deviceScaleFactor": 1, "mobile": width < 600}
        self.ask("Emulation.setDeviceMetricsOverride", height=height, **shape)
        self.ask("Page.navigate", url=address)
        self.wait("Page.loadEventFired")
        seen = self.ask("Runtime.evaluate", expression=LOOK, returnByValue=True, awaitPromise=True)["result"]["value"]
        self.ask("Emulation.setDeviceMetricsOverride", height=min(seen["height"], MOST_HEIGHT), **shape)
        picture = b64decode(self.ask("Page.captureScreenshot", format="png")["data"])
        wrong = [f"picture '{name}' is not shown" for name in seen["broken"]]
        wrong += [f"film '{name}' is not shown" for name in seen["films"]]
        wrong += [f"the page is {seen['wide']} pixels wider than the window"] * (seen["wide"] > 0)
        wrong += [f"{seen['scripts']} scripts"] * (seen["scripts"] > 0)
        return wrong + [told for event in self.events if (told := fault(event, address))], picture

    def close(self) -> None:
        """End the browser."""
        os.close(self.out)
        os.close(self.into)
        self.process.terminate()
        self.process.wait(timeout=30)


def fault(event: dict[str, Any], address: str) -> str:
    """Return what an event says is wrong, or nothing."""
    facts = event.get("params", {})
    match event.get("method"):
        case "Network.requestWillBeSent":
            url = facts["request"]["url"]
            return "" if url.startswith("data:") or url.partition("#")[0] == address else f"asks for {url[:200]}"
        case "Log.entryAdded":
            return f"console: {facts['entry']['text']}"
        case "Runtime.consoleAPICalled" | "Runtime.exceptionThrown":
            return f"console: {json.dumps(facts)[:300]}"
        case "Page.javascriptDialogOpening":
            return f"opens a dialog: {facts['message']}"
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("report", type=Path)
    parser.add_argument("--out", type=Path, help="folder for pictures of the page")
    given = parser.parse_args()
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        parser.error(f"no browser on PATH; it looks for {', '.join(BROWSERS)}")
    address = given.report.resolve(strict=True).as_uri()
    count = 0
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Browser(program, profile)
        try:
            target = browser.ask("Target.createTarget", url="about:blank")["targetId"]
            browser.session = browser.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Page", "Network", "Log", "Runtime"):
                browser.ask(f"{domain}.enable")
            for view, size in VIEWS.items():
                for scheme in ("light", "dark"):
                    wrong, picture = browser.look(address, size, scheme)
                    print(f"{view} {scheme}: {'; '.join(wrong) or 'nothing wrong'}")
                    count += len(wrong)
                    if given.out:
                        given.out.mkdir(parents=True, exist_ok=True)
                        (given.out / f"{view}-{scheme}.png").write_bytes(picture)
        finally:
            browser.close()
    return min(count, 1)


if __name__ == "__main__":
    sys.exit(main())
