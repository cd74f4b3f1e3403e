module example.com/sample // the project

go 1.21.0

toolchain go1.22.1

require (
	github.com/BurntSushi/toml v1.3.2
	example.com/old v2.0.0+incompatible
	"example.com/quoted" v0.0.0-20200101000000-abcdefabcdef
)

require example.com/deep/v3 v3.1.0 // indirect

require example.com/here v1.0.0

replace example.com/old => example.com/new v2.1.0

replace (
	example.com/here v1.0.0 => ../here
	example.com/deep/v3 v3.9.9 => example.com/not v1.0.0
)

exclude example.com/deep/v3 v3.0.0
retract [v1.0.0, v1.1.0]
