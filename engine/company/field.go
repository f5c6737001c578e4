// Package company is the domain type of Sluice: the fields of a company, their
// limits, the match key, and the compact encoding of a record and of a patch to
// one that travels from validation to the table. It knows nothing of files,
// plugins or storage.
//
// Records and patches are byte slices; functions that return views of them say
// so, and such a view lives as long as the slice that it was read from.
package company

// Field is one field of a company that a caller may set.
type Field uint8

// Text fields come first, in the order in which they are encoded.
const (
	Domain Field = iota
	Name
	Industry
	Website
	LinkedInURL
	Size
	City
	Country
	Phone
	Description
	Tags
	Custom

	TextFields = int(Tags) // the fields below Tags hold text
	Fields     = int(Custom) + 1
)

var fieldNames = [Fields]string{"domain", "name", "industry", "website", "linkedin_url", "size",
	"city", "country", "phone", "description", "tags", "custom"}

// String returns the field's name in the API.
func (f Field) String() string { return fieldNames[f] }

// FieldByName finds a field by its exact API name.
func FieldByName(name string) (Field, bool) {
	for i, n := range fieldNames {
		if n == name {
			return Field(i), true
		}
	}
	return 0, false
}

// Limits, in bytes or entries.
const (
	MaxName        = 255
	MaxDomain      = 253
	MaxURL         = 2048
	MaxDescription = 65535
	MaxText        = 255 // every other text field, a tag, a custom key, a custom value
	MaxTags        = 100
	MaxCustom      = 100
)

// MaxBytes returns the longest value of a text field, in bytes.
func (f Field) MaxBytes() int {
	switch f {
	case Name:
		return MaxName
	case Domain:
		return MaxDomain
	case Website, LinkedInURL:
		return MaxURL
	case Description:
		return MaxDescription
	}
	return MaxText
}

// CustomPrefix starts the target of a column that fills a custom field.
const CustomPrefix = "custom."
