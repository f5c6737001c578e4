package memkv

import "bytes"

// node is one entry of a treap: ordered by key, and a heap by weight, which is a
// hash of the key, so the tree is balanced whatever the order of insertions.
// Nodes never change once they can be reached from a root: every function here
// copies the path that it alters, which is what makes a root a snapshot.
type node struct {
	key, value  []byte
	version     uint64
	weight      uint64
	left, right *node
}

func find(n *node, key []byte) *node {
	for n != nil {
		switch c := bytes.Compare(key, n.key); {
		case c < 0:
			n = n.left
		case c > 0:
			n = n.right
		default:
			return n
		}
	}
	return nil
}

// insert returns the tree with x in it, in place of a node of the same key.
func insert(n, x *node) *node {
	if n == nil {
		return x
	}
	if c := bytes.Compare(x.key, n.key); c == 0 {
		x.left, x.right = n.left, n.right
		return x
	} else if x.weight > n.weight {
		x.left, x.right = split(n, x.key)
		return x
	} else if m := *n; c < 0 {
		m.left = insert(n.left, x)
		return &m
	} else {
		m.right = insert(n.right, x)
		return &m
	}
}

// split returns the nodes below key and those above it; a node of key is dropped.
func split(n *node, key []byte) (below, above *node) {
	if n == nil {
		return nil, nil
	}
	m := *n
	switch c := bytes.Compare(n.key, key); {
	case c < 0:
		m.right, above = split(n.right, key)
		return &m, above
	case c > 0:
		below, m.left = split(n.left, key)
		return below, &m
	default:
		return n.left, n.right
	}
}

// remove returns the tree without key.
func remove(n *node, key []byte) *node {
	if n == nil {
		return nil
	}
	m := *n
	switch c := bytes.Compare(key, n.key); {
	case c < 0:
		m.left = remove(n.left, key)
	case c > 0:
		m.right = remove(n.right, key)
	default:
		return join(n.left, n.right)
	}
	return &m
}

// join returns one tree of two, all keys of below being less than those of above.
func join(below, above *node) *node {
	switch {
	case below == nil:
		return above
	case above == nil:
		return below
	case below.weight > above.weight:
		m := *below
		m.right = join(below.right, above)
		return &m
	default:
		m := *above
		m.left = join(below, above.left)
		return &m
	}
}

// ascend calls fn for each node of at least from, in order, until it errs.
func ascend(n *node, from []byte, fn func(*node) error) error {
	if n == nil {
		return nil
	}
	if bytes.Compare(n.key, from) >= 0 {
		if err := ascend(n.left, from, fn); err != nil {
			return err
		}
		if err := fn(n); err != nil {
			return err
		}
	}
	return ascend(n.right, from, fn)
}
