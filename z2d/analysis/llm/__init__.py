"""Analysis by a language model, on the condition that it shows where everything it says is said.

The transcript goes out as numbered sentences; each thing that comes back carries a number and a verbatim quote. The
quote is looked up in the transcript, and what is stored are the transcript's own words and times. What cannot be found
is dropped and counted. Where the model gives no usable answer, the offline analysis stands in.

Runs in the child process of the analysis alone (`z2d.analysis.child`): the daemon never waits for an endpoint.
"""
