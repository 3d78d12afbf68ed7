"""The six stages, one file each. None imports another: what one knows, the next reads from the job's folder."""
