//! Validators as processes, with real sockets, real disks and real kills.

mod city;
mod finality;
mod restart;
