package table

type keeper struct{ rounds []*request }

func (t *Table) keep(tx *Tx) bool {
	for _, r := range t.keeper.rounds {
		r.done <- nil
	}
	t.keeper.rounds = nil
	return false
}
