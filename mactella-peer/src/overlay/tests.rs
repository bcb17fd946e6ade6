//! Scenarios of the overlay, each with links that the test plays itself.
