module x

go 1.22.1 // c

toolchain go1.22.3
