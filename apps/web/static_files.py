from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStaticFiles(CompressedManifestStaticFilesStorage):
    """Names with a content hash, in the `import` lines of our modules too: one module is then one address, and a new
    release reaches every browser at once."""

    support_js_module_import_aggregation = True
