"""The screens: the dashboard, one job, one log, the statistics; and the dialogs that stand over them."""
