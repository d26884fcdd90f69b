"""Snapshots in a private data set on the Hugging Face hub.

The hub is $HF_ENDPOINT or the hub's own, and the token is found as the hub's client finds it: in $HF_TOKEN,
or where ``hf auth login`` has put it.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from annotations.backup_folder import HUB_PREFIX, snapshot_names
from annotations.errors import StorageError

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_TYPE: Final = "dataset"


class HubDataset:
    """Snapshots in a data set, which is made with the first of them and must be private.

    Args:
        repo_id: Owner and name, with a slash between.
    """

    def __init__(self, repo_id: str) -> None:
        self.repo_id = repo_id

    @property
    def name(self) -> str:
        """The data set as `annotations.backup_folder.open_place` takes it."""
        return HUB_PREFIX + self.repo_id

    def names(self) -> list[str]:
        """Return the names of the finished snapshots, the oldest first.

        Raises:
            StorageError: If the hub cannot be asked.
        """
        from huggingface_hub.errors import RepositoryNotFoundError

        with self._plain_errors("read"):
            api = self._api()
            try:
                return snapshot_names(api.list_repo_files(self.repo_id, repo_type=_TYPE))
            except RepositoryNotFoundError:
                # The hub says so too to whoever has no token, or a wrong one.
                api.whoami()
                return []

    def fetch(self, name: str, folder: Path) -> Path:
        """Download a snapshot.

        Args:
            name: Of the snapshot.
            folder: In which it is put.

        Returns:
            The file.

        Raises:
            StorageError: If the hub cannot be asked or does not have it.
        """
        with self._plain_errors("download from"):
            return Path(self._api().hf_hub_download(self.repo_id, name, repo_type=_TYPE, local_dir=folder))

    def prepare(self) -> None:
        """Make the data set if it is not there, and make sure that it is private.

        A data set that is there and hidden from this token cannot be made, so this fails on it as well.

        Raises:
            StorageError: If it is public, or the hub refuses or cannot be reached.
        """
        from huggingface_hub.errors import RepositoryNotFoundError

        with self._plain_errors("write to"):
            api = self._api()
            try:
                found = api.repo_info(self.repo_id, repo_type=_TYPE)
            except RepositoryNotFoundError:
                api.create_repo(self.repo_id, repo_type=_TYPE, private=True)
                found = api.repo_info(self.repo_id, repo_type=_TYPE)
            if not found.private:
                raise StorageError(
                    f"the data set {self.name} is public, and ratings must not be; make it private in its "
                    "settings, or name another one in SPECS_BACKUP"
                )

    def put(self, file: Path, name: str) -> None:
        """Upload a file as one commit, after making sure that the data set is there and private.

        Args:
            file: To be uploaded.
            name: Under which it is kept.

        Raises:
            StorageError: If the data set is public, or the hub refuses or cannot be reached.
        """
        # Every time: somebody may have published it since.
        self.prepare()
        with self._plain_errors("write a backup to"):
            api = self._api()
            api.upload_file(
                path_or_fileobj=file,
                path_in_repo=name,
                repo_id=self.repo_id,
                repo_type=_TYPE,
                commit_message=f"Add {name}",
            )

    def remove(self, names: Sequence[str]) -> None:
        """Remove snapshots in one commit; the data set's history goes on holding them.

        Args:
            names: Of those that go.

        Raises:
            StorageError: If the hub refuses or cannot be reached.
        """
        if not names:
            return
        from huggingface_hub import CommitOperationDelete

        with self._plain_errors("remove an old backup from"):
            self._api().create_commit(
                self.repo_id,
                [CommitOperationDelete(path_in_repo=name) for name in names],
                repo_type=_TYPE,
                commit_message=f"Remove {len(names)} old snapshots",
            )

    def _api(self) -> "HfApi":
        from huggingface_hub import HfApi

        return HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None)

    @contextmanager
    def _plain_errors(self, deed: str) -> Iterator[None]:
        from huggingface_hub.errors import HfHubHTTPError

        # The base of the client's own errors, whichever HTTP library this release of the client is built on.
        http_error = cast(type[Exception], HfHubHTTPError.__mro__[1])
        try:
            yield
        except StorageError:
            raise
        except (OSError, http_error, ValueError, KeyError) as error:
            lines = str(error).strip().splitlines()
            reason = lines[0].rstrip(".") if lines else type(error).__name__
            raise StorageError(
                f"cannot {deed} {self.name} ({reason}); check the network, and that HF_TOKEN may write it"
            ) from error
