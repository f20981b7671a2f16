;; Has an event put at the end of all addresses.
(module
	(import "arkhe:observer/event" "next" (func $next (param i32 i32) (result i32)))
	(memory (export "memory") 2)
	(func (export "observer")
		(drop (call $next (i32.const 2147483647) (i32.const 2147483647))))
)
