//! The reference model of a container registry.
