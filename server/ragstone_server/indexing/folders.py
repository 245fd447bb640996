"""Where the files of views lie."""

import re
from pathlib import Path

from ragstone_server.indexing.collection_index import VIEWS
from ragstone_server.indexing.pins import IndexKey
from ragstone_server.spi.generations import FIRST, GenerationNumber
from ragstone_server.spi.positions import CollectionKey

_COLLECTION = re.compile(r"\d{8,}")
_GENERATION = "generation-"


class ViewFolders:
    """One a collection; the first generation's views lie in it, the others' in folders of their own within it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def of_collection(self, key: CollectionKey) -> Path:
        """The folder of all its views."""
        return self._directory / f"{key:08d}"

    def of(self, key: IndexKey) -> Path:
        """The folder in which each view of a generation has one."""
        folder, generation = self.of_collection(key[0]), key[1]
        return folder if generation == FIRST else folder / f"{_GENERATION}{generation}"

    def all_of(self, key: IndexKey) -> list[Path]:
        """What is to be removed for nothing of a generation to be left."""
        folder = self.of(key)
        return [folder / view for view in VIEWS] if key[1] == FIRST else [folder]

    def collections(self) -> dict[CollectionKey, Path]:
        """The folders of collections; anything else that lies there is not ours."""
        if not self._directory.is_dir():
            return {}
        found = [path for path in self._directory.iterdir() if path.is_dir() and _COLLECTION.fullmatch(path.name)]
        return {CollectionKey(int(path.name)): path for path in found}

    def generations(self, key: CollectionKey) -> list[GenerationNumber]:
        """Those of a collection of which views lie there."""
        folder = self.of_collection(key)
        first = [FIRST] if any((folder / view).is_dir() for view in VIEWS) else []
        others = [path.name.removeprefix(_GENERATION) for path in folder.glob(f"{_GENERATION}*")]
        return [*first, *(GenerationNumber(int(each)) for each in others if each.isdecimal())]
