;; Calls itself until there is no stack.
(module
	(func $deeper (param $n i32) (result i32)
		(i32.add (local.get $n) (call $deeper (i32.add (local.get $n) (i32.const 1)))))
	(func (export "observer")
		(drop (call $deeper (i32.const 0))))
)
