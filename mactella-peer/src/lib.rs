//! A peer of the mesh: a thin daemon around a pure overlay.
//!
//! Modules stand in reading order: each one uses only modules declared below it.

mod network;
pub mod overlay;
