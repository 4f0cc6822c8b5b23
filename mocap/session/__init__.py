"""What lies on disk: layout, manifest, atomic store."""

from mocap.session.edit import (
    bring_back,
    check_name,
    free_name,
    in_trash,
    put_away,
    rename_trial,
    set_details,
    set_tags,
)
from mocap.session.layout import RunFolder, SessionFolder, TrialFolder, data_dir, use_data_dir
from mocap.session.lock import FolderLock, Taken, lock_folder
from mocap.session.manifest import (
    RunManifest,
    SessionManifest,
    TrialManifest,
    read_manifest,
    trial_manifest,
    write_manifest,
)
from mocap.session.store import Stored, cached, fingerprint, key_of, load, save, stored_key

__all__ = [
    "FolderLock",
    "RunFolder",
    "RunManifest",
    "SessionFolder",
    "SessionManifest",
    "Stored",
    "Taken",
    "TrialFolder",
    "TrialManifest",
    "bring_back",
    "cached",
    "check_name",
    "data_dir",
    "fingerprint",
    "free_name",
    "in_trash",
    "key_of",
    "load",
    "lock_folder",
    "put_away",
    "read_manifest",
    "rename_trial",
    "save",
    "set_details",
    "set_tags",
    "stored_key",
    "trial_manifest",
    "use_data_dir",
    "write_manifest",
]
