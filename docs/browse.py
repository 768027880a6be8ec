"""Looks at built pages with a headless browser: ``python docs/browse.py docs/_build/html`` (beside .ci/run).

Ten pages at 1440 and 390 pixels: nothing wider than the window, equations laid out, nothing asked of the
network; and the search finds five names. Without Chromium it says so and ends well. Pictures of the pages go
to the folder named second.
"""

from __future__ import annotations

import functools
import html as markup
import http.server
import json
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

PAGES = (
    "index.html",
    "tutorial.html",
    "conventions.html",
    "dynamics.html",
    "choose_a_solver.html",
    "paper.html",
    "gallery/accessibility_map.html",
    "reference/theory.html",
    "reference/generated/spinlab.ground_state.html",
    "studies.html",
)
WIDTHS = (1440, 390)
NAMES = ("ground_state", "GroundState", "parallel_tempering", "gibbs_accessibility", "RARBM")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

# Written into a page that shows another one in a frame of the wanted width, and writes what it sees.
PROBE = """<!doctype html>
<iframe id="f" src="/{page}" style="width:{width}px;height:3000px;border:0"></iframe>
<pre id="out"></pre>
<script>
document.getElementById("f").onload = () => setTimeout(() => {{
  const d = document.getElementById("f").contentDocument, w = d.defaultView;
  const maths = [...d.querySelectorAll("math")].map(m => m.getBoundingClientRect());
  const wide = [...d.querySelectorAll("article *")].filter(e => {{
    const box = e.getBoundingClientRect();
    for (let p = e; p && p !== d.body; p = p.parentElement)
      if (["auto", "scroll", "hidden"].includes(w.getComputedStyle(p).overflowX)) return false;
    return box.width > 0 && box.right > {width} + 1;
  }}).map(e => e.tagName + "." + e.className + ": " + e.textContent.slice(0, 40));
  const loaded = w.performance.getEntriesByType("resource").map(r => r.name);
  const asked = loaded.filter(name => !name.startsWith(location.origin));
  const found = [...d.querySelectorAll("#search-results a")].map(a => a.href + " " + a.textContent);
  document.getElementById("out").textContent = JSON.stringify({{
    overflow: d.documentElement.scrollWidth - {width}, wide: wide.slice(0, 3), asked,
    maths: maths.length, empty: maths.filter(b => b.width < 1 || b.height < 1).length, found }});
}}, {delay});
</script>"""


class _Site(http.server.SimpleHTTPRequestHandler):
    """The built pages, and a probe for each of them."""

    def do_GET(self) -> None:
        match = re.fullmatch(r"/probe/(\d+)/(\d+)/(.*)", self.path)
        if not match:
            super().do_GET()
            return
        body = PROBE.format(width=int(match[1]), delay=int(match[2]), page=markup.escape(match[3])).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Silent."""


class Browser:
    """Chromium without a window and without a network beyond this machine."""

    def __init__(self, program: str, site: str) -> None:
        self.site = site
        self.profile = tempfile.mkdtemp(prefix="browse-")
        self.command = [
            program,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            f"--user-data-dir={self.profile}",
        ]
        self.command += ["--hide-scrollbars", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]

    def probe(self, page: str, width: int, delay: int = 500) -> dict:
        """What is seen of a page at a width."""
        address = f"{self.site}/probe/{width}/{delay}/{page}"
        budget = f"--virtual-time-budget={delay + 5000}"
        done = subprocess.run(
            [*self.command, budget, f"--window-size={max(width, 500)},3000", "--dump-dom", address],
            capture_output=True,
            text=True,
            timeout=120,
        )
        out = re.search(r'<pre id="out">(.*?)</pre>', done.stdout, re.DOTALL)
        if not out or not out[1]:
            raise RuntimeError(f"no answer for {page}: {done.stderr[-400:]}")
        return json.loads(markup.unescape(out[1]))

    def picture(self, page: str, width: int, path: Path) -> None:
        """A PNG of the top of a page."""
        size = f"--window-size={width},1600"
        command = [
            *self.command,
            "--virtual-time-budget=3000",
            size,
            f"--screenshot={path}",
            f"{self.site}/{page}",
        ]
        subprocess.run(command, capture_output=True, timeout=120, check=True)


def problems(browser: Browser) -> list[str]:
    """Everything that is wrong, a line each."""
    found = []
    for page in PAGES:
        for width in WIDTHS:
            seen = browser.probe(page, width)
            where = f"{page} at {width} px"
            if seen["overflow"] > 1 or seen["wide"]:
                found.append(f"{where} is {seen['overflow']} px too wide: {seen['wide']}")
            if seen["asked"]:
                found.append(f"{where} asks {seen['asked'][0]}")
            if seen["empty"]:
                found.append(f"{where}: {seen['empty']} of {seen['maths']} equations are not laid out")
    for name in NAMES:
        if not any(name in link for link in browser.probe(f"search.html?q={name}", 1440, 4000)["found"]):
            found.append(f"the search does not find {name}")
    return found


def main(folder: str, pictures: str | None = None) -> int:
    """Exit status: 0 where all is well or no browser is there."""
    program = next((path for path in map(shutil.which, BROWSERS) if path), None)
    if program is None:
        print(f"no browser here ({', '.join(BROWSERS)}): pages were not looked at")
        return 0
    site = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Site, directory=folder))
    threading.Thread(target=site.serve_forever, daemon=True).start()
    browser = Browser(program, f"http://127.0.0.1:{site.server_port}")
    try:
        found = problems(browser)
        if pictures:
            Path(pictures).mkdir(parents=True, exist_ok=True)
            for page in PAGES:
                for width in WIDTHS:
                    name = page.replace("/", "_").removesuffix(".html")
                    browser.picture(page, width, Path(pictures, f"{name}_{width}.png").resolve())
    finally:
        site.shutdown()
        shutil.rmtree(browser.profile, ignore_errors=True)
    print(
        "\n".join(found) or f"{len(PAGES)} pages at {len(WIDTHS)} widths and {len(NAMES)} searches: all well"
    )
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
