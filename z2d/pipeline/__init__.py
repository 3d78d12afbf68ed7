"""From a URL to a library entry in six stages: metadata, download, audio, transcript, analysis, publishing.

This room decides what is done, in which order, what is reused and what a failure means. It knows nothing of the
database: what it learns goes through the `Journal` it is given, and what it needs to continue lies in the job's
folder and in the journal's stage records. So a job that was killed anywhere goes on anywhere.
"""
