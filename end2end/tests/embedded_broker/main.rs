//! The embedded broker alone: what it costs, its program, and Kafka's own tools at it.

mod measure;
mod program;
mod tools;
