;; Its export takes something.
(module
	(func (export "observer") (param i32))
)
