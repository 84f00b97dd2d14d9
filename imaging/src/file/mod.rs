//! Image files, read and written in strips with bounded memory.
