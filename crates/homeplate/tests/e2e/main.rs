//! Whole flows over loopback with the real executables.

mod abuse;
mod browser;
mod callers;
mod crash;
mod custody;
mod drill;
mod faults;
mod fleet;
mod gateway;
mod interface;
mod lists;
mod load;
mod off;
mod onvif;
mod reset;
mod roadside;
mod rules;
mod secrets;
mod story;
mod street;
mod telling;
mod tls_city;
mod upgrade;
mod witness;
mod world;
mod xss;
