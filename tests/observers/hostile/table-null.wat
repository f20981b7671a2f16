;; Calls a place of its table in which nothing is.
(module
	(type $f (func))
	(table 4 funcref)
	(func (export "observer")
		(call_indirect (type $f) (i32.const 3)))
)
