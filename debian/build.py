"""Builds the Debian package from the wheel: `make deb`, on the release that it is for.

All of z2 lies in /opt/z2, a Python environment with everything of `z2[standalone]` at the versions of constraints.txt;
around it stand links, units, settings, manual pages and completions where Debian looks for them.

    python debian/build.py [--revision N] [--find-links DIR]
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
PYTHON = "/usr/bin/python3"  # Debian's, whatever runs this
SCRIPTS = ("postinst", "prerm", "postrm")
# what the wheel brings, and where Debian has it
PLACES = {
    "opt/z2/share/man/man1/z2ctl.1": "usr/share/man/man1/z2ctl.1",
    "opt/z2/share/man/man1/z2d.1": "usr/share/man/man1/z2d.1",
    "opt/z2/share/man/man5/z2.toml.5": "usr/share/man/man5/z2.toml.5",
    "opt/z2/share/bash-completion/completions/z2ctl": "usr/share/bash-completion/completions/z2ctl",
    "opt/z2/share/zsh/site-functions/_z2ctl": "usr/share/zsh/vendor-completions/_z2ctl",
    "opt/z2/share/fish/vendor_completions.d/z2ctl.fish": "usr/share/fish/vendor_completions.d/z2ctl.fish",
    "opt/z2/share/z2/systemd/z2d.service": "usr/lib/systemd/system/z2d.service",
    "opt/z2/share/z2/systemd/z2d-worker@.service": "usr/lib/systemd/system/z2d-worker@.service",
    "opt/z2/share/z2/systemd/z2d-backup.service": "usr/lib/systemd/system/z2d-backup.service",
    "opt/z2/share/z2/systemd/z2d-backup.timer": "usr/lib/systemd/system/z2d-backup.timer",
    "opt/z2/share/z2/systemd/z2.sysusers": "usr/lib/sysusers.d/z2.conf",
    "opt/z2/share/z2/systemd/z2.nginx.conf": "usr/share/doc/z2/examples/z2.nginx.conf",
    "opt/z2/share/z2/systemd/z2d-postgresql.conf": "usr/share/doc/z2/examples/z2d-postgresql.conf",
}
CONTROL = """Package: z2
Version: {version}-{revision}
Architecture: {architecture}
Maintainer: the z2 maintainers <z2@localhost>
Installed-Size: {kibibytes}
Depends: python3 (>= {python}~), python3 (<< {following}~), libc6, libstdc++6, systemd (>= 250), init-system-helpers
Recommends: ffmpeg
Suggests: nginx, postgresql (>= 15), python3-pip
Section: video
Priority: optional
Description: turns video URLs into library entries that can be read, searched and cited
 z2 downloads a video, gets its transcript, finds chapters, key passages and
 topics, each with the second it comes from, and writes a folder that a person,
 Jellyfin or Obsidian can open. The daemon z2d does the work, with a PostgreSQL
 of its own; z2ctl shows every step.
"""


def run(*words: str | Path) -> str:
    """Run a program that must succeed; what it printed."""
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True, timeout=1800).stdout.strip()


def environment(stage: Path, wheel: Path, find_links: Path | None) -> tuple[str, str]:
    """Make opt/z2 in the stage; gives the version of Python that it is for, and the first that it is not for."""
    home = stage / "opt/z2"
    run(PYTHON, "-m", "venv", "--without-pip", home)
    source = ["--no-index", "--find-links", find_links] if find_links else []
    pip = [sys.executable, "-m", "pip", "--python", home / "bin/python", "install", "--quiet", "--no-compile"]
    run(*pip, *source, "--constraint", ROOT / "constraints.txt", f"{wheel}[standalone]")
    for useless in [*home.glob("bin/?ctivate*"), *home.rglob("z2-*.dist-info/direct_url.json"), home / "lib64"]:
        useless.unlink()
    for script in (path for path in (home / "bin").iterdir() if not path.is_symlink()):
        script.write_bytes(script.read_bytes().replace(bytes(stage), b"", 1))
    (home / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\n")
    # hash-checked never: dpkg keeps the files as they are, and the account of the daemon could not write others
    run(PYTHON, "-m", "compileall", "-q", "-s", stage, "-p", "/", "--invalidation-mode", "unchecked-hash", home / "lib")
    major, minor = run(PYTHON, "-c", "import sys; print(*sys.version_info[:2])").split()
    return f"{major}.{minor}", f"{major}.{int(minor) + 1}"


def around(stage: Path) -> None:
    """Put everything else into its place."""
    for inside, outside in PLACES.items():
        (stage / outside).parent.mkdir(parents=True, exist_ok=True)
        shutil.move(stage / inside, stage / outside)
    for folder in ("share/z2", "share/bash-completion", "share/zsh", "share/fish"):
        shutil.rmtree(stage / "opt/z2" / folder)
    for page in (stage / "usr/share/man").rglob("*.[15]"):
        packed(page)
    (stage / "usr/bin").mkdir()
    for program in ("z2ctl", "z2d"):
        (stage / "usr/bin" / program).symlink_to(f"/opt/z2/bin/{program}")
    (stage / "etc/z2").mkdir(parents=True)
    shutil.copy(HERE / "z2.toml", stage / "etc/z2/z2.toml")
    papers = stage / "usr/share/doc/z2"
    shutil.copy(ROOT / "LICENSE", papers / "copyright")
    shutil.copy(ROOT / "CHANGELOG.md", papers / "changelog")
    packed(papers / "changelog")


def packed(path: Path) -> None:
    """Replace a file by its compressed self, the same for the same content."""
    path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))
    path.unlink()


def described(stage: Path, **facts: str) -> None:
    """Write what dpkg reads: control, conffiles, checksums, scripts."""
    files = sorted(path for path in stage.rglob("*") if path.is_file() and not path.is_symlink())
    for path in files:
        assert bytes(stage) not in path.read_bytes(), f"{path} names the folder it was built in"
    sums = [f"{hashlib.md5(path.read_bytes()).hexdigest()}  {path.relative_to(stage)}\n" for path in files]
    kibibytes = sum(path.stat().st_size for path in files) // 1024
    control = stage / "DEBIAN"
    control.mkdir()
    (control / "control").write_text(CONTROL.format(kibibytes=kibibytes, **facts))
    (control / "conffiles").write_text("/etc/z2/z2.toml\n")
    (control / "md5sums").write_text("".join(sums))
    for script in SCRIPTS:
        shutil.copy(HERE / script, control / script)
        (control / script).chmod(0o755)


def main() -> None:
    """Build dist/z2_VERSION-REVISION_ARCHITECTURE.deb and say its name."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--revision", default="1", help="of the package; higher for the same wheel packed anew")
    parser.add_argument("--find-links", type=Path, help="take wheels from this folder, and from nowhere else")
    parser.add_argument("--into", type=Path, default=ROOT / "dist", help="the folder for the package")
    chosen = parser.parse_args()
    [wheel] = (ROOT / "dist").glob("z2-*.whl")
    version, architecture = wheel.name.split("-")[1], run("dpkg", "--print-architecture")
    with tempfile.TemporaryDirectory(prefix="z2-deb-") as name:
        stage = Path(name)
        stage.chmod(0o755)
        python, following = environment(stage, wheel, chosen.find_links)
        around(stage)
        facts = {"version": version, "revision": chosen.revision, "architecture": architecture}
        described(stage, **facts, python=python, following=following)
        package = chosen.into / f"z2_{version}-{chosen.revision}_{architecture}.deb"
        # zstd: a tenth of the time of xz, and dpkg knows it since Debian 12
        run("dpkg-deb", "--root-owner-group", "-Zzstd", "-z6", "--build", stage, package)
    print(package)


if __name__ == "__main__":
    main()
