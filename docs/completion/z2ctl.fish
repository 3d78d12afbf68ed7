# fish completion of z2ctl, as the installed z2ctl has it
z2ctl completion fish | source
