"""The live call: peer connection, signalling, pipeline, server. The only asyncio code."""
