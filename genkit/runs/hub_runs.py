"""Runs on the Hugging Face hub: a copy for strangers, put there, and fetched from there as a stranger's.

Tokens are those of huggingface_hub's own store and environment; no word of ours takes one, and none is said.
What is fetched is a run folder of plain files, verified as `genkit verify` does it before anybody loads it.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import NoReturn

from genkit.runs import manifests
from genkit.runs.layout import CARD, CODEC, CONFIG, LOCK, OWN, RECORD, SPEC
from genkit.system import storage
from genkit.system.errors import CheckpointError, ConfigError, StorageError
from genkit.system.paths import place as local_place

PREFIX = "hf:"
PART = r"[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?!\.))*(?<![.-])"
NAME = re.compile(rf"({PART}/{PART})(?:@([A-Za-z0-9][\w./-]*))?", re.A)
LONGEST = 96  # characters of a name on the hub
COMMIT = r"[0-9a-f]{40}"
BESIDE = ("metrics.csv", "findings.json", "evaluation.jsonl")  # what is shared where a run has it
THEIRS = (".gitattributes",)  # which the hub writes itself
OF_THE_MANIFEST = ("schema", "step", "files", "sha256")  # what saving a checkpoint says itself


def split(name: str) -> tuple[str, str | None]:
    """USER/NAME and the revision of `USER/NAME@REVISION`.

    Raises:
        ConfigError: it is no name on the hub.
    """
    match = NAME.fullmatch(name)
    if match is None or len(match[1]) > LONGEST or "--" in name or ".." in name:
        raise ConfigError(f"{name[:150]} is no name on the hub: write USER/NAME, or USER/NAME@REVISION.")
    return match[1], match[2]


def asked_for(run: str | Path, runs_dir: str | Path) -> str | None:
    """The name on the hub that a run is asked for by; None: it is one of this machine.

    `hf:USER/NAME` always is one.  `USER/NAME` is where no folder USER is here or below `runs_dir`, so that a
    path with a slip in it asks nobody.
    """
    said = str(run)
    if said.startswith(PREFIX):
        return said.removeprefix(PREFIX)
    if isinstance(run, Path) or not NAME.fullmatch(said):
        return None
    owner = said.partition("/")[0]
    near = (local_place(owner, "run"), Path(runs_dir) / owner)
    return None if any(path.exists() for path in near) else said


def digest(folder: Path) -> str:
    """SHA-256 of all that a shared run holds and that is read from it: of each file its path and its digest.

    The card and the samples that it shows are not of it: nothing of them is read.
    """
    sha = hashlib.sha256()
    for path in sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).as_posix()):
        name = path.relative_to(folder)
        if path.is_file() and name.parts[0] not in (CARD, "samples", LOCK, *THEIRS):
            sha.update(f"{manifests.describe(path)['sha256']}  {name.as_posix()}\n".encode())
    return sha.hexdigest()


# ---------------------------------------------------------------------- there


def copy(run: Path, out: Path, checkpoint: str = "last", *, optimizer: bool = False) -> None:
    """Put what strangers need of a run into a new folder: a run folder again.

    Args:
        checkpoint: the one that is shared.
        optimizer: whether the optimisers' state is, too, so that the training can go on.

    Raises:
        CheckpointError: it is damaged.
        StorageError: the disk is full or cannot be written.
    """
    from genkit.runs import checkpoints

    place = manifests.locate(run / "checkpoints", checkpoint)
    saved = checkpoints.load(place, trainer=optimizer)
    about = {key: value for key, value in saved.about.items() if key not in OF_THE_MANIFEST}
    chosen = checkpoints.Checkpoint(saved.step, saved.weights, saved.ema, saved.trainer, about)
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name in (CONFIG, SPEC, RECORD, *(name for name in BESIDE if (run / name).is_file())):
            shutil.copyfile(run / name, out / name)
        if (run / CODEC).is_dir():
            shutil.copytree(run / CODEC, out / CODEC, ignore=shutil.ignore_patterns(LOCK))
    except OSError as error:
        raise storage.refusal(out, error, storage.ADVICE) from None
    checkpoints.save(out / "checkpoints", chosen)
    if manifests.pointed(run / "checkpoints", "best") == place.name:
        checkpoints.point(out / "checkpoints", "best", saved.step)


def check_token() -> None:
    """See that huggingface_hub knows a token.

    Raises:
        ConfigError: it knows none.
    """
    from huggingface_hub import get_token

    if not get_token():
        raise ConfigError(
            "no token of the Hugging Face hub is known here: run `hf auth login` once, or set HF_TOKEN."
        )


def push(folder: Path, repo: str, *, private: bool, said: str) -> str:
    """Put a folder on the hub, in place of what was shared under the name before; the commit.

    Args:
        said: the message of the commit.

    Raises:
        StorageError: the hub cannot be reached, or refuses.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()
    api = HfApi()
    try:
        api.create_repo(repo, private=private, exist_ok=True)
        done = api.upload_folder(
            repo_id=repo,
            folder_path=folder,
            commit_message=said,
            delete_patterns=["checkpoints/*", "codec/*"],
        )
    except Exception as error:  # whatever a network and a library do
        raise StorageError(f"to={repo} cannot be written: {_why(error)}.") from None
    return str(done.oid)


# ---------------------------------------------------------------------- from there


def fetch(name: str, cache_dir: str | Path, wanted: str | None = None) -> tuple[Path, str, bool]:
    """The folder of a run of the hub, its digest, and whether it was fetched just now.

    It is kept below `cache_dir`; one that is named by its whole commit is asked for once.

    Args:
        wanted: the digest that it must have.

    Raises:
        ConfigError: the name is none.
        CheckpointError: it is not there or cannot be reached, is no run, not whole, holds code, or has
            another digest.
    """
    repo, revision = split(name)
    root = Path(cache_dir) / "hub" / repo.replace("/", "--")
    whole = revision is not None and re.fullmatch(COMMIT, revision) is not None
    commit, files = (str(revision), []) if whole else _listed(repo, revision)
    folder, fresh = root / commit, False
    if not (folder / CONFIG).is_file():
        if whole:
            commit, files = _listed(repo, revision)
        _download(repo, commit, files, folder)
        fresh = True
    _check(folder, name)
    found = digest(folder)
    if wanted is not None and found != wanted.lower().removeprefix("sha256:"):
        raise CheckpointError(f"{name} has the digest {found}, not digest={wanted[:80]}: it is another run.")
    return folder, found, fresh


def _listed(repo: str, revision: str | None) -> tuple[str, list[str]]:
    """The commit of a revision, and its files."""
    from huggingface_hub import HfApi

    try:
        info = HfApi().model_info(repo, revision=revision)
        commit, files = str(info.sha), [file.rfilename for file in info.siblings or ()]
    except Exception as error:  # whatever a network and a library do
        _refuse(repo, revision, error)
    if not re.fullmatch(COMMIT, commit):
        raise CheckpointError(f"{repo}: the hub names no commit of it; ask again, or another hub.")
    for file in files:
        parts = PurePosixPath(file).parts
        if not parts or parts[0] not in (*OWN, *THEIRS) or ".." in parts or "\\" in file:
            raise CheckpointError(f"{repo} holds {file[:80]}, which no run folder does; it is not fetched.")
    if CONFIG not in files:
        raise CheckpointError(f"{repo} is no run of genkit: {CONFIG} is missing in it.")
    return commit, [file for file in files if file not in THEIRS]


def _download(repo: str, commit: str, files: Iterable[str], folder: Path) -> None:
    """Fetch into the library's cache, and from there a folder of plain files, whole or not at all."""
    from huggingface_hub import HfApi
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()
    try:
        there = Path(HfApi().snapshot_download(repo, revision=commit, allow_patterns=[*files]))
    except Exception as error:  # whatever a network and a library do
        _refuse(repo, commit, error)
    with storage.made(folder) as place:
        for file in files:
            (place / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(there / file, place / file)
        _check(place, repo)


def _check(folder: Path, name: str) -> None:
    """Verify a run of the hub as any stranger's.

    Raises:
        CheckpointError: it is not sound.
    """
    from genkit.runs.verification import verify

    if wrong := verify(folder).wrong:
        raise CheckpointError(f"{name} is not sound: {wrong[0].replace(str(folder), name)}")


def _refuse(repo: str, revision: str | None, error: Exception) -> NoReturn:
    at = f"@{revision}" if revision else ""
    raise CheckpointError(f"{repo}{at} cannot be fetched: {_why(error)}.") from None


def _why(error: Exception) -> str:
    """What went wrong, without what the hub or a library says, which may repeat what it was sent."""
    from huggingface_hub.errors import HFValidationError, RevisionNotFoundError

    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, HFValidationError):
        return "it is no name on the hub"
    if isinstance(error, RevisionNotFoundError):
        return "it has no such revision"
    if status == 401:
        return "the hub knows no such name that may be seen with this token, or without one"
    if status == 403:
        return "this token has no right to it"
    if status == 404:
        return "there is none of this name"
    if status is not None:
        return f"the hub answers {status}"
    return f"the hub cannot be reached ({type(error).__name__})"
