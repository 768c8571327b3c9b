"""Real data: manifests, the hub, decoded tensors. Imports nothing of ours."""

from suite.data.hub import checksum
from suite.data.manifest import DataError, Manifest, NotAvailable, manifest
from suite.data.split import held_out
from suite.data.tensors import columns

__all__ = ["DataError", "Manifest", "NotAvailable", "checksum", "columns", "held_out", "manifest"]
