"""What lies on disk: layout, manifest, atomic store."""

from mocap.session.layout import RunFolder, SessionFolder, TrialFolder, data_dir
from mocap.session.manifest import RunManifest, SessionManifest, TrialManifest, read_manifest, write_manifest
from mocap.session.store import Stored, cached, fingerprint, key_of, load, save, stored_key

__all__ = [
    "RunFolder",
    "RunManifest",
    "SessionFolder",
    "SessionManifest",
    "Stored",
    "TrialFolder",
    "TrialManifest",
    "cached",
    "data_dir",
    "fingerprint",
    "key_of",
    "load",
    "read_manifest",
    "save",
    "stored_key",
    "write_manifest",
]
