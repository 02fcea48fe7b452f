"""Makes sure that the browser tests have a Chromium, and says which one they will use.

A Chromium that is already installed is taken as it is. Otherwise it comes from Debian's or Ubuntu's
packages when this runs as root, and else from Playwright's own download.
"""

import os
import shutil
import subprocess
import sys

SYSTEM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DEBIAN_PACKAGES = ("chromium", "fonts-dejavu-core")


def system_browser() -> str | None:
    """The path of an installed Chromium or Chrome, if there is one."""
    named = os.environ.get("LEPTON_CHROMIUM")
    return named or next((path for name in SYSTEM_NAMES if (path := shutil.which(name))), None)


def install() -> None:
    """Installs a Chromium by the system's packages as root, else by Playwright."""
    apt = shutil.which("apt-get")
    if apt and os.geteuid() == 0:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run([apt, "update", "-qq"], check=True, env=environment)
        command = [apt, "install", "-y", "-qq", "--no-install-recommends", *DEBIAN_PACKAGES]
        subprocess.run(command, check=True, env=environment)
    else:
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=True)


if __name__ == "__main__":
    if system_browser() is None:
        print("Installing Chromium for the browser tests …", flush=True)
        install()
    print(f"Browser tests use {system_browser() or 'the Chromium of Playwright'}.")
