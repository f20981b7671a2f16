;; Has an event put past the end of the memory.
(module
	(import "arkhe:observer/event" "next" (func $next (param i32 i32) (result i32)))
	(memory (export "memory") 2)
	(func (export "observer")
		(drop (call $next (i32.const 131000) (i32.const 4096))))
)
