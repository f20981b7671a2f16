;; Has JSON put past the end of the memory.
(module
	(import "arkhe:observer/event" "json" (func $json (param i32 i32) (result i32)))
	(memory (export "memory") 2)
	(func (export "observer")
		(drop (call $json (i32.const 131000) (i32.const 65536))))
)
