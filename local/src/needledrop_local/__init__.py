"""Needledrop as local processes: embedded servers, the processes of the Procfile, and the demo."""
