package host

import (
	_ "embed"
	"fmt"

	"github.com/goccy/go-yaml"
	"github.com/valyala/fasthttp"
)

// openapiYAML is the contract of the API.
//
//go:embed openapi.yaml
var openapiYAML []byte

// openapi serves the contract, converted when it is first asked for.
func (s *Server) openapi(r *Request) error {
	b, err := s.openapiJSON()
	if err != nil {
		return fmt.Errorf("convert openapi.yaml: %w", err)
	}
	r.SetHeader("Access-Control-Allow-Origin", "*") // for viewers; it holds no secret
	r.Answer(fasthttp.StatusOK, jsonType, b)
	return nil
}

func convertOpenAPI() ([]byte, error) { return yaml.YAMLToJSON(openapiYAML) }
