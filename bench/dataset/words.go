package dataset

type place struct {
	city, country, phone string
}

var places = []place{
	{"New York", "United States", "+1 212 555"}, {"San Francisco", "United States", "+1 415 555"},
	{"Austin", "United States", "+1 512 555"}, {"Chicago", "United States", "+1 312 555"},
	{"London", "United Kingdom", "+44 20 7946"}, {"Manchester", "United Kingdom", "+44 161 496"},
	{"München", "Germany", "+49 89 2301"}, {"Köln", "Germany", "+49 221 990"}, {"Berlin", "Germany", "+49 30 2312"},
	{"Zürich", "Switzerland", "+41 44 668"}, {"Genève", "Switzerland", "+41 22 730"},
	{"Paris", "France", "+33 1 7018"}, {"Orléans", "France", "+33 2 3861"}, {"Lyon", "France", "+33 4 7240"},
	{"Madrid", "Spain", "+34 91 060"}, {"A Coruña", "Spain", "+34 981 06"}, {"Málaga", "Spain", "+34 951 06"},
	{"São Paulo", "Brazil", "+55 11 5550"}, {"Lisboa", "Portugal", "+351 21 555"},
	{"Göteborg", "Sweden", "+46 31 390"}, {"København", "Denmark", "+45 32 12"}, {"Tromsø", "Norway", "+47 77 60"},
	{"Toronto", "Canada", "+1 416 555"}, {"Montréal", "Canada", "+1 514 555"},
	{"Sydney", "Australia", "+61 2 5550"}, {"Singapore", "Singapore", "+65 6555"}, {"Dublin", "Ireland", "+353 1 555"},
}

var (
	firstWords = []string{"Acme", "Blue", "Bright", "Cobalt", "Delta", "Evergreen", "First", "Global", "Granite", "Harbor",
		"Helio", "Iron", "Juniper", "Kestrel", "Lumen", "Meridian", "Nova", "Orchard", "Pioneer", "Quarry", "Redwood",
		"Silver", "Summit", "Terra", "Union", "Vector", "Willow", "Zenith", "Müller", "Núñez", "Løvstad", "Çelik"}
	secondWords = []string{"Analytics", "Bakery", "Capital", "Components", "Consulting", "Dental", "Design", "Energy",
		"Foods", "Freight", "Health", "Holdings", "Insurance", "Labs", "Legal", "Logistics", "Materials", "Media",
		"Optics", "Partners", "Pharma", "Robotics", "Security", "Software", "Solutions", "Systems", "Textiles", "Water"}
	suffixes   = []string{"", "", "", " Inc.", " LLC", " Ltd", " GmbH", " S.A.", ", Inc.", " & Co. KG", " AG", " B.V."}
	industries = []string{"Legal Services", "Computer Software", "Financial Services", "Hospital & Health Care",
		"Food Production", "Logistics and Supply Chain", "Construction", "Marketing and Advertising", "Insurance",
		"Mechanical or Industrial Engineering", "Renewables & Environment", "Retail", "Telecommunications"}
	sizes = []string{"1-10", "11-50", "51-200", "201-500", "501-1000", "1001-5000", "5001-10000", "10001+"}
	tlds  = []string{"com", "com", "com", "io", "net", "de", "co.uk", "fr", "ch", "com.br", "es", "se"}
	verbs = []string{"makes", "sells", "builds", "ships", "designs", "repairs", "leases", "audits"}
	goods = []string{"valves", "invoices", "bread", "contracts", "sensors", "pallets", "lenses", "turbines", "claims software", "dashboards"}
)
