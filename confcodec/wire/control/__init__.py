"""What is sent, from what is reported: rate, quality, share of the frames, pacing. Pure, the clock passed in."""
