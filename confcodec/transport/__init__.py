"""One WebRTC connection: channels, corrections of SCTP, ICE, the emulated network. Decides nothing."""
