"""The live call: peer connection, signalling, sender, receiver, server. The only asyncio code."""
