//! Why a worker cannot start or go on.

/// Why a worker cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The status page cannot be served.
    #[error("{0}")]
    Listen(String),
    /// librdkafka does not take the configuration.
    #[error("cannot make a Kafka client: {0}")]
    Client(#[from] rdkafka::error::KafkaError),
    /// The system gives no thread.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
    /// Kafka is lost for good.
    #[error("{0}")]
    Kafka(String),
}
