# bash completion of z2ctl, as the installed z2ctl has it
eval "$(z2ctl completion bash)"
