"""JPEG, WebP, JPEG 2000 and AVIF, by the libraries that everybody has."""
