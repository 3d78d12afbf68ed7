"""Speech to text: what is said in a recording, with times, by one of several engines behind one protocol.

This room knows engines and sound, and nothing of jobs: chunks of ten minutes go in, cues come out. An engine on this
machine runs in a child process, which whoever asks has to start (`Spawn`): a model is heavy, may crash, and must be
killable. The pipeline decides when to listen at all, and keeps what was heard.
"""
