//! What the tests of the wrappers share: a driver that only makes effect contexts, and a model of fixed answers.
