//! The edge against a city of a hundred lines: what is sent, what is kept, what stops.

mod city;
mod gateway;
mod run;
mod sight;
mod uplink;
