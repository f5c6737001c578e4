package host

// routes lists every operation of the API.
func (s *Server) routes() []route {
	var all []route
	for _, group := range [][]route{
		s.healthRoutes(),
		s.keyRoutes(),
		s.companyRoutes(),
		s.importRoutes(),
		s.jobRoutes(),
		s.pluginRoutes(),
		s.backupRoutes(),
	} {
		all = append(all, group...)
	}
	return all
}

// isPublic reports whether a path needs no key, whatever the method.
func (s *Server) isPublic(path string) bool {
	for _, p := range s.publics {
		if p == path {
			return true
		}
	}
	return false
}
