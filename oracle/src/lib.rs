//! The oracle.

pub mod action;
pub mod campaign;
pub mod case;
pub mod config;
pub mod coverage;
pub mod disk;
pub mod generate;
pub mod lockstep;
pub mod pool;
pub mod report;
pub mod shrink;
pub mod target;
pub mod wire;

#[cfg(test)]
mod perfect;
