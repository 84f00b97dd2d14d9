//! The road of one image, from the file on disk to the finished result.
