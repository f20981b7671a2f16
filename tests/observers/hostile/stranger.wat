;; Imports from somebody else.
(module
	(import "env" "system" (func (param i32)))
	(func (export "observer")
		(nop))
)
