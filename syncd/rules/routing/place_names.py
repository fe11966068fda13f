"""ISO 3166-1 countries, and ISO 3166-2 subdivisions of the countries whose states CRMs know best.

Data only; `places` reads it. A country is `ALPHA2 ALPHA3 name|other name`; a subdivision `CODE name|other name`,
under its `@COUNTRY`.
`OTHER_NAMES` are spellings people type that ISO does not list.
"""

from __future__ import annotations

COUNTRIES = """
AD AND Andorra|Principality of Andorra; AE ARE United Arab Emirates;
AF AFG Afghanistan|Islamic Republic of Afghanistan; AG ATG Antigua and Barbuda; AI AIA Anguilla;
AL ALB Albania|Republic of Albania; AM ARM Armenia|Republic of Armenia; AO AGO Angola|Republic of Angola;
AQ ATA Antarctica; AR ARG Argentina|Argentine Republic; AS ASM American Samoa; AT AUT Austria|Republic of Austria;
AU AUS Australia; AW ABW Aruba; AX ALA Åland Islands; AZ AZE Azerbaijan|Republic of Azerbaijan;
BA BIH Bosnia and Herzegovina|Republic of Bosnia and Herzegovina; BB BRB Barbados;
BD BGD Bangladesh|People's Republic of Bangladesh; BE BEL Belgium|Kingdom of Belgium; BF BFA Burkina Faso;
BG BGR Bulgaria|Republic of Bulgaria; BH BHR Bahrain|Kingdom of Bahrain; BI BDI Burundi|Republic of Burundi;
BJ BEN Benin|Republic of Benin; BL BLM Saint Barthélemy; BM BMU Bermuda; BN BRN Brunei Darussalam;
BO BOL Bolivia|Bolivia, Plurinational State of|Plurinational State of Bolivia;
BQ BES Bonaire, Sint Eustatius and Saba; BR BRA Brazil|Federative Republic of Brazil;
BS BHS Bahamas|Commonwealth of the Bahamas; BT BTN Bhutan|Kingdom of Bhutan; BV BVT Bouvet Island;
BW BWA Botswana|Republic of Botswana; BY BLR Belarus|Republic of Belarus; BZ BLZ Belize; CA CAN Canada;
CC CCK Cocos (Keeling) Islands; CD COD Congo, The Democratic Republic of the; CF CAF Central African Republic;
CG COG Congo|Republic of the Congo; CH CHE Switzerland|Swiss Confederation;
CI CIV Côte d'Ivoire|Republic of Côte d'Ivoire; CK COK Cook Islands; CL CHL Chile|Republic of Chile;
CM CMR Cameroon|Republic of Cameroon; CN CHN China|People's Republic of China; CO COL Colombia|Republic of Colombia;
CR CRI Costa Rica|Republic of Costa Rica; CU CUB Cuba|Republic of Cuba; CV CPV Cabo Verde|Republic of Cabo Verde;
CW CUW Curaçao; CX CXR Christmas Island; CY CYP Cyprus|Republic of Cyprus; CZ CZE Czechia|Czech Republic;
DE DEU Germany|Federal Republic of Germany; DJ DJI Djibouti|Republic of Djibouti; DK DNK Denmark|Kingdom of Denmark;
DM DMA Dominica|Commonwealth of Dominica; DO DOM Dominican Republic;
DZ DZA Algeria|People's Democratic Republic of Algeria; EC ECU Ecuador|Republic of Ecuador;
EE EST Estonia|Republic of Estonia; EG EGY Egypt|Arab Republic of Egypt; EH ESH Western Sahara;
ER ERI Eritrea|the State of Eritrea; ES ESP Spain|Kingdom of Spain;
ET ETH Ethiopia|Federal Democratic Republic of Ethiopia; FI FIN Finland|Republic of Finland;
FJ FJI Fiji|Republic of Fiji; FK FLK Falkland Islands (Malvinas);
FM FSM Micronesia, Federated States of|Federated States of Micronesia; FO FRO Faroe Islands;
FR FRA France|French Republic; GA GAB Gabon|Gabonese Republic;
GB GBR United Kingdom|United Kingdom of Great Britain and Northern Ireland; GD GRD Grenada; GE GEO Georgia;
GF GUF French Guiana; GG GGY Guernsey; GH GHA Ghana|Republic of Ghana; GI GIB Gibraltar; GL GRL Greenland;
GM GMB Gambia|Republic of the Gambia; GN GIN Guinea|Republic of Guinea; GP GLP Guadeloupe;
GQ GNQ Equatorial Guinea|Republic of Equatorial Guinea; GR GRC Greece|Hellenic Republic;
GS SGS South Georgia and the South Sandwich Islands; GT GTM Guatemala|Republic of Guatemala; GU GUM Guam;
GW GNB Guinea-Bissau|Republic of Guinea-Bissau; GY GUY Guyana|Republic of Guyana;
HK HKG Hong Kong|Hong Kong Special Administrative Region of China; HM HMD Heard Island and McDonald Islands;
HN HND Honduras|Republic of Honduras; HR HRV Croatia|Republic of Croatia; HT HTI Haiti|Republic of Haiti;
HU HUN Hungary; ID IDN Indonesia|Republic of Indonesia; IE IRL Ireland; IL ISR Israel|State of Israel;
IM IMN Isle of Man; IN IND India|Republic of India; IO IOT British Indian Ocean Territory;
IQ IRQ Iraq|Republic of Iraq; IR IRN Iran|Iran, Islamic Republic of|Islamic Republic of Iran;
IS ISL Iceland|Republic of Iceland; IT ITA Italy|Italian Republic; JE JEY Jersey; JM JAM Jamaica;
JO JOR Jordan|Hashemite Kingdom of Jordan; JP JPN Japan; KE KEN Kenya|Republic of Kenya;
KG KGZ Kyrgyzstan|Kyrgyz Republic; KH KHM Cambodia|Kingdom of Cambodia; KI KIR Kiribati|Republic of Kiribati;
KM COM Comoros|Union of the Comoros; KN KNA Saint Kitts and Nevis;
KP PRK North Korea|Korea, Democratic People's Republic of|Democratic People's Republic of Korea;
KR KOR South Korea|Korea, Republic of; KW KWT Kuwait|State of Kuwait; KY CYM Cayman Islands;
KZ KAZ Kazakhstan|Republic of Kazakhstan; LA LAO Laos|Lao People's Democratic Republic;
LB LBN Lebanon|Lebanese Republic; LC LCA Saint Lucia; LI LIE Liechtenstein|Principality of Liechtenstein;
LK LKA Sri Lanka|Democratic Socialist Republic of Sri Lanka; LR LBR Liberia|Republic of Liberia;
LS LSO Lesotho|Kingdom of Lesotho; LT LTU Lithuania|Republic of Lithuania;
LU LUX Luxembourg|Grand Duchy of Luxembourg; LV LVA Latvia|Republic of Latvia; LY LBY Libya;
MA MAR Morocco|Kingdom of Morocco; MC MCO Monaco|Principality of Monaco;
MD MDA Moldova|Moldova, Republic of|Republic of Moldova; ME MNE Montenegro; MF MAF Saint Martin (French part);
MG MDG Madagascar|Republic of Madagascar; MH MHL Marshall Islands|Republic of the Marshall Islands;
MK MKD North Macedonia|Republic of North Macedonia; ML MLI Mali|Republic of Mali; MM MMR Myanmar|Republic of Myanmar;
MN MNG Mongolia; MO MAC Macao|Macao Special Administrative Region of China;
MP MNP Northern Mariana Islands|Commonwealth of the Northern Mariana Islands; MQ MTQ Martinique;
MR MRT Mauritania|Islamic Republic of Mauritania; MS MSR Montserrat; MT MLT Malta|Republic of Malta;
MU MUS Mauritius|Republic of Mauritius; MV MDV Maldives|Republic of Maldives; MW MWI Malawi|Republic of Malawi;
MX MEX Mexico|United Mexican States; MY MYS Malaysia; MZ MOZ Mozambique|Republic of Mozambique;
NA NAM Namibia|Republic of Namibia; NC NCL New Caledonia; NE NER Niger|Republic of the Niger; NF NFK Norfolk Island;
NG NGA Nigeria|Federal Republic of Nigeria; NI NIC Nicaragua|Republic of Nicaragua;
NL NLD Netherlands|Kingdom of the Netherlands; NO NOR Norway|Kingdom of Norway;
NP NPL Nepal|Federal Democratic Republic of Nepal; NR NRU Nauru|Republic of Nauru; NU NIU Niue; NZ NZL New Zealand;
OM OMN Oman|Sultanate of Oman; PA PAN Panama|Republic of Panama; PE PER Peru|Republic of Peru;
PF PYF French Polynesia; PG PNG Papua New Guinea|Independent State of Papua New Guinea;
PH PHL Philippines|Republic of the Philippines; PK PAK Pakistan|Islamic Republic of Pakistan;
PL POL Poland|Republic of Poland; PM SPM Saint Pierre and Miquelon; PN PCN Pitcairn; PR PRI Puerto Rico;
PS PSE Palestine, State of|the State of Palestine; PT PRT Portugal|Portuguese Republic;
PW PLW Palau|Republic of Palau; PY PRY Paraguay|Republic of Paraguay; QA QAT Qatar|State of Qatar; RE REU Réunion;
RO ROU Romania; RS SRB Serbia|Republic of Serbia; RU RUS Russian Federation; RW RWA Rwanda|Rwandese Republic;
SA SAU Saudi Arabia|Kingdom of Saudi Arabia; SB SLB Solomon Islands; SC SYC Seychelles|Republic of Seychelles;
SD SDN Sudan|Republic of the Sudan; SE SWE Sweden|Kingdom of Sweden; SG SGP Singapore|Republic of Singapore;
SH SHN Saint Helena, Ascension and Tristan da Cunha; SI SVN Slovenia|Republic of Slovenia;
SJ SJM Svalbard and Jan Mayen; SK SVK Slovakia|Slovak Republic; SL SLE Sierra Leone|Republic of Sierra Leone;
SM SMR San Marino|Republic of San Marino; SN SEN Senegal|Republic of Senegal;
SO SOM Somalia|Federal Republic of Somalia; SR SUR Suriname|Republic of Suriname;
SS SSD South Sudan|Republic of South Sudan; ST STP Sao Tome and Principe|Democratic Republic of Sao Tome and Principe;
SV SLV El Salvador|Republic of El Salvador; SX SXM Sint Maarten (Dutch part); SY SYR Syria|Syrian Arab Republic;
SZ SWZ Eswatini|Kingdom of Eswatini; TC TCA Turks and Caicos Islands; TD TCD Chad|Republic of Chad;
TF ATF French Southern Territories; TG TGO Togo|Togolese Republic; TH THA Thailand|Kingdom of Thailand;
TJ TJK Tajikistan|Republic of Tajikistan; TK TKL Tokelau; TL TLS Timor-Leste|Democratic Republic of Timor-Leste;
TM TKM Turkmenistan; TN TUN Tunisia|Republic of Tunisia; TO TON Tonga|Kingdom of Tonga;
TR TUR Türkiye|Republic of Türkiye; TT TTO Trinidad and Tobago|Republic of Trinidad and Tobago; TV TUV Tuvalu;
TW TWN Taiwan|Taiwan, Province of China; TZ TZA Tanzania|Tanzania, United Republic of|United Republic of Tanzania;
UA UKR Ukraine; UG UGA Uganda|Republic of Uganda; UM UMI United States Minor Outlying Islands;
US USA United States|United States of America; UY URY Uruguay|Eastern Republic of Uruguay;
UZ UZB Uzbekistan|Republic of Uzbekistan; VA VAT Holy See (Vatican City State);
VC VCT Saint Vincent and the Grenadines;
VE VEN Venezuela|Venezuela, Bolivarian Republic of|Bolivarian Republic of Venezuela;
VG VGB Virgin Islands, British|British Virgin Islands;
VI VIR Virgin Islands, U.S.|Virgin Islands of the United States;
VN VNM Vietnam|Viet Nam|Socialist Republic of Viet Nam; VU VUT Vanuatu|Republic of Vanuatu; WF WLF Wallis and Futuna;
WS WSM Samoa|Independent State of Samoa; YE YEM Yemen|Republic of Yemen; YT MYT Mayotte;
ZA ZAF South Africa|Republic of South Africa; ZM ZMB Zambia|Republic of Zambia; ZW ZWE Zimbabwe|Republic of Zimbabwe;
"""

OTHER_NAMES = """
US USA|U.S.|U.S.A.|United States of America|America; GB UK|U.K.|Great Britain|Britain|England|Scotland|Wales;
DE Deutschland; AT Österreich; CH Schweiz|Suisse|Svizzera; ES España;
IT Italia; NL Holland|The Netherlands|Nederland;
BE België|Belgique; BR Brasil; MX México; JP Nippon; RU Russia; KR South Korea|Korea; KP North Korea; VN Vietnam;
CZ Czech Republic; TR Turkey; CI Ivory Coast; LA Laos; SY Syria; IR Iran; BO Bolivia; VE Venezuela; TZ Tanzania;
MD Moldova;
TW Taiwan; MK Macedonia; PS Palestine; VA Vatican|Vatican City; CD DR Congo|Congo-Kinshasa; CG Congo-Brazzaville;
BN Brunei; CV Cape Verde; SZ Swaziland; FM Micronesia; AE UAE|U.A.E.|Emirates; HK Hong Kong SAR; MO Macau; SE Sverige;
NO Norge; DK Danmark; FI Suomi; PL Polska; IE Republic of Ireland|Éire; PT Portugal; GR Hellas; HU Magyarország;
"""

SUBDIVISIONS = """
@AT
1 Burgenland; 2 Kärnten; 3 Niederösterreich; 4 Oberösterreich; 5 Salzburg; 6 Steiermark; 7 Tirol; 8 Vorarlberg;
9 Wien;
@AU
ACT Australian Capital Territory; NSW New South Wales; NT Northern Territory; QLD Queensland; SA South Australia;
TAS Tasmania; VIC Victoria; WA Western Australia;
@BE
BRU Brussels Hoofdstedelijk Gewest; VAN Antwerpen; VBR Vlaams-Brabant; VLG Vlaams Gewest; VLI Limburg;
VOV Oost-Vlaanderen; VWV West-Vlaanderen; WAL wallonne, Région; WBR Brabant wallon; WHT Hainaut; WLG Liège;
WLX Luxembourg; WNA Namur;
@BR
AC Acre; AL Alagoas; AM Amazonas; AP Amapá; BA Bahia; CE Ceará; DF Distrito Federal; ES Espírito Santo; GO Goiás;
MA Maranhão; MG Minas Gerais; MS Mato Grosso do Sul; MT Mato Grosso; PA Pará; PB Paraíba; PE Pernambuco; PI Piauí;
PR Paraná; RJ Rio de Janeiro; RN Rio Grande do Norte; RO Rondônia; RR Roraima; RS Rio Grande do Sul;
SC Santa Catarina; SE Sergipe; SP São Paulo; TO Tocantins;
@CA
AB Alberta; BC British Columbia; MB Manitoba; NB New Brunswick; NL Newfoundland and Labrador; NS Nova Scotia;
NT Northwest Territories; NU Nunavut; ON Ontario; PE Prince Edward Island; QC Quebec; SK Saskatchewan; YT Yukon;
@CH
AG Aargau; AI Appenzell Innerrhoden; AR Appenzell Ausserrhoden; BE Bern; BL Basel-Landschaft; BS Basel-Stadt;
FR Freiburg; GE Genève; GL Glarus; GR Graubünden; JU Jura; LU Luzern; NE Neuchâtel; NW Nidwalden; OW Obwalden;
SG Sankt Gallen; SH Schaffhausen; SO Solothurn; SZ Schwyz; TG Thurgau; TI Ticino; UR Uri; VD Vaud; VS Valais; ZG Zug;
ZH Zürich;
@CN
AH Anhui Sheng; BJ Beijing Shi; CQ Chongqing Shi; FJ Fujian Sheng; GD Guangdong Sheng; GS Gansu Sheng;
GX Guangxi Zhuangzu Zizhiqu; GZ Guizhou Sheng; HA Henan Sheng; HB Hubei Sheng; HE Hebei Sheng; HI Hainan Sheng;
HK Hong Kong SAR; HL Heilongjiang Sheng; HN Hunan Sheng; JL Jilin Sheng; JS Jiangsu Sheng; JX Jiangxi Sheng;
LN Liaoning Sheng; MO Macao SAR; NM Nei Mongol Zizhiqu; NX Ningxia Huizi Zizhiqu; QH Qinghai Sheng; SC Sichuan Sheng;
SD Shandong Sheng; SH Shanghai Shi; SN Shaanxi Sheng; SX Shanxi Sheng; TJ Tianjin Shi; TW Taiwan Sheng;
XJ Xinjiang Uygur Zizhiqu; XZ Xizang Zizhiqu; YN Yunnan Sheng; ZJ Zhejiang Sheng;
@DE
BB Brandenburg; BE Berlin; BW Baden-Württemberg; BY Bayern; HB Bremen; HE Hessen; HH Hamburg;
MV Mecklenburg-Vorpommern; NI Niedersachsen; NW Nordrhein-Westfalen; RP Rheinland-Pfalz; SH Schleswig-Holstein;
SL Saarland; SN Sachsen; ST Sachsen-Anhalt; TH Thüringen;
@DK
81 Nordjylland; 82 Midtjylland; 83 Syddanmark; 84 Hovedstaden; 85 Sjælland;
@ES
A Alacant*; AB Albacete; AL Almería; AN Andalucía; AR Aragón; AS Asturias, Principado de; AV Ávila; B Barcelona;
BA Badajoz; BI Bizkaia; BU Burgos; C A Coruña; CA Cádiz; CB Cantabria; CC Cáceres; CE Ceuta; CL Castilla y León;
CM Castilla-La Mancha; CN Canarias; CO Córdoba; CR Ciudad Real; CS Castelló*; CT Catalunya; CU Cuenca; EX Extremadura;
GA Galicia; GC Las Palmas; GI Girona; GR Granada; GU Guadalajara; H Huelva; HU Huesca; IB Illes Balears; J Jaén;
L Lleida; LE León; LO La Rioja; LU Lugo; M Madrid; MA Málaga; MC Murcia, Región de; MD Madrid, Comunidad de;
ML Melilla; MU Murcia; NA Nafarroa*; NC Nafarroako Foru Komunitatea*; O Asturias; OR Ourense; P Palencia;
PM Illes Balears; PO Pontevedra; PV Euskal Herria; RI La Rioja; S Cantabria; SA Salamanca; SE Sevilla; SG Segovia;
SO Soria; SS Gipuzkoa; T Tarragona; TE Teruel; TF Santa Cruz de Tenerife; TO Toledo; V Valencia; VA Valladolid;
VC Valenciana, Comunidad; VI Araba*; Z Zaragoza; ZA Zamora;
@FR
ARA Auvergne-Rhône-Alpes; BFC Bourgogne-Franche-Comté; BRE Bretagne; CVL Centre-Val de Loire; GES Grand-Est;
GF Guyane; GP Guadeloupe; HDF Hauts-de-France; IDF Île-de-France; MQ Martinique; NAQ Nouvelle-Aquitaine;
NOR Normandie; OCC Occitanie; PAC Provence-Alpes-Côte-d’Azur; PDL Pays-de-la-Loire; RE La Réunion; YT Mayotte;
@GB
ENG England; NIR Northern Ireland; SCT Scotland; WLS Wales;
@IE
C Connaught; CE Clare; CN Cavan; CO Cork; CW Carlow; D Dublin; DL Donegal; G Galway; KE Kildare; KK Kilkenny;
KY Kerry; L Leinster; LD Longford; LH Louth; LK Limerick; LM Leitrim; LS Laois; M Munster; MH Meath; MN Monaghan;
MO Mayo; OY Offaly; RN Roscommon; SO Sligo; TA Tipperary; U Ulster; WD Waterford; WH Westmeath; WW Wicklow;
WX Wexford;
@IN
AN Andaman and Nicobar Islands; AP Andhra Pradesh; AR Arunāchal Pradesh; AS Assam; BR Bihār; CH Chandīgarh;
CT Chhattīsgarh; DH Dādra and Nagar Haveli and Damān and Diu; DL Delhi; GA Goa; GJ Gujarāt; HP Himāchal Pradesh;
HR Haryāna; JH Jhārkhand; JK Jammu and Kashmīr; KA Karnātaka; KL Kerala; LA Ladākh; LD Lakshadweep; MH Mahārāshtra;
ML Meghālaya; MN Manipur; MP Madhya Pradesh; MZ Mizoram; NL Nāgāland; OR Odisha; PB Punjab; PY Puducherry;
RJ Rājasthān; SK Sikkim; TG Telangāna; TN Tamil Nādu; TR Tripura; UP Uttar Pradesh; UT Uttarākhand; WB West Bengal;
@IT
21 Piemonte; 23 Val d'Aoste; 25 Lombardia; 32 Trentino-Alto Adige; 34 Veneto; 36 Friuli Venezia Giulia; 42 Liguria;
45 Emilia-Romagna; 52 Toscana; 55 Umbria; 57 Marche; 62 Lazio; 65 Abruzzo; 67 Molise; 72 Campania; 75 Puglia;
77 Basilicata; 78 Calabria; 82 Sicilia; 88 Sardegna; AG Agrigento; AL Alessandria; AN Ancona; AP Ascoli Piceno;
AQ L'Aquila; AR Arezzo; AT Asti; AV Avellino; BA Bari; BG Bergamo; BI Biella; BL Belluno; BN Benevento; BO Bologna;
BR Brindisi; BS Brescia; BT Barletta-Andria-Trani; BZ Bolzano; CA Cagliari; CB Campobasso; CE Caserta; CH Chieti;
CL Caltanissetta; CN Cuneo; CO Como; CR Cremona; CS Cosenza; CT Catania; CZ Catanzaro; EN Enna; FC Forlì-Cesena;
FE Ferrara; FG Foggia; FI Firenze; FM Fermo; FR Frosinone; GE Genova; GO Gorizia; GR Grosseto; IM Imperia; IS Isernia;
KR Crotone; LC Lecco; LE Lecce; LI Livorno; LO Lodi; LT Latina; LU Lucca; MB Monza e Brianza; MC Macerata; ME Messina;
MI Milano; MN Mantova; MO Modena; MS Massa-Carrara; MT Matera; NA Napoli; NO Novara; NU Nuoro; OR Oristano;
PA Palermo; PC Piacenza; PD Padova; PE Pescara; PG Perugia; PI Pisa; PN Pordenone; PO Prato; PR Parma; PT Pistoia;
PU Pesaro e Urbino; PV Pavia; PZ Potenza; RA Ravenna; RC Reggio Calabria; RE Reggio Emilia; RG Ragusa; RI Rieti;
RM Roma; RN Rimini; RO Rovigo; SA Salerno; SI Siena; SO Sondrio; SP La Spezia; SR Siracusa; SS Sassari;
SU Sud Sardegna; SV Savona; TA Taranto; TE Teramo; TN Trento; TO Torino; TP Trapani; TR Terni; TS Trieste; TV Treviso;
UD Udine; VA Varese; VB Verbano-Cusio-Ossola; VC Vercelli; VE Venezia; VI Vicenza; VR Verona; VT Viterbo;
VV Vibo Valentia;
@JP
01 Hokkaido; 02 Aomori; 03 Iwate; 04 Miyagi; 05 Akita; 06 Yamagata; 07 Fukushima; 08 Ibaraki; 09 Tochigi; 10 Gunma;
11 Saitama; 12 Chiba; 13 Tokyo; 14 Kanagawa; 15 Niigata; 16 Toyama; 17 Ishikawa; 18 Fukui; 19 Yamanashi; 20 Nagano;
21 Gifu; 22 Shizuoka; 23 Aichi; 24 Mie; 25 Shiga; 26 Kyoto; 27 Osaka; 28 Hyogo; 29 Nara; 30 Wakayama; 31 Tottori;
32 Shimane; 33 Okayama; 34 Hiroshima; 35 Yamaguchi; 36 Tokushima; 37 Kagawa; 38 Ehime; 39 Kochi; 40 Fukuoka; 41 Saga;
42 Nagasaki; 43 Kumamoto; 44 Oita; 45 Miyazaki; 46 Kagoshima; 47 Okinawa;
@MX
AGU Aguascalientes; BCN Baja California; BCS Baja California Sur; CAM Campeche; CHH Chihuahua; CHP Chiapas;
CMX Ciudad de México; COA Coahuila de Zaragoza; COL Colima; DUR Durango; GRO Guerrero; GUA Guanajuato; HID Hidalgo;
JAL Jalisco; MEX México; MIC Michoacán de Ocampo; MOR Morelos; NAY Nayarit; NLE Nuevo León; OAX Oaxaca; PUE Puebla;
QUE Querétaro; ROO Quintana Roo; SIN Sinaloa; SLP San Luis Potosí; SON Sonora; TAB Tabasco; TAM Tamaulipas;
TLA Tlaxcala; VER Veracruz de Ignacio de la Llave; YUC Yucatán; ZAC Zacatecas;
@NL
AW Aruba; BQ1 Bonaire; BQ2 Saba; BQ3 Sint Eustatius; CW Curaçao; DR Drenthe; FL Flevoland; FR Fryslân; GE Gelderland;
GR Groningen; LI Limburg; NB Noord-Brabant; NH Noord-Holland; OV Overijssel; SX Sint Maarten; UT Utrecht; ZE Zeeland;
ZH Zuid-Holland;
@NO
03 Oslo; 11 Rogaland; 15 Møre og Romsdal; 18 Nordland; 21 Svalbard; 22 Jan Mayen; 30 Viken; 34 Innlandet;
38 Vestfold og Telemark; 42 Agder; 46 Vestland; 50 Trööndelage; 54 Romssa ja Finnmárkku;
@PL
02 Dolnośląskie; 04 Kujawsko-pomorskie; 06 Lubelskie; 08 Lubuskie; 10 Łódzkie; 12 Małopolskie; 14 Mazowieckie;
16 Opolskie; 18 Podkarpackie; 20 Podlaskie; 22 Pomorskie; 24 Śląskie; 26 Świętokrzyskie; 28 Warmińsko-mazurskie;
30 Wielkopolskie; 32 Zachodniopomorskie;
@PT
01 Aveiro; 02 Beja; 03 Braga; 04 Bragança; 05 Castelo Branco; 06 Coimbra; 07 Évora; 08 Faro; 09 Guarda; 10 Leiria;
11 Lisboa; 12 Portalegre; 13 Porto; 14 Santarém; 15 Setúbal; 16 Viana do Castelo; 17 Vila Real; 18 Viseu;
20 Região Autónoma dos Açores; 30 Região Autónoma da Madeira;
@SE
AB Stockholms län; AC Västerbottens län; BD Norrbottens län; C Uppsala län; D Södermanlands län; E Östergötlands län;
F Jönköpings län; G Kronobergs län; H Kalmar län; I Gotlands län; K Blekinge län; M Skåne län; N Hallands län;
O Västra Götalands län; S Värmlands län; T Örebro län; U Västmanlands län; W Dalarnas län; X Gävleborgs län;
Y Västernorrlands län; Z Jämtlands län;
@US
AK Alaska; AL Alabama; AR Arkansas; AS American Samoa; AZ Arizona; CA California; CO Colorado; CT Connecticut;
DC District of Columbia; DE Delaware; FL Florida; GA Georgia; GU Guam; HI Hawaii; IA Iowa; ID Idaho; IL Illinois;
IN Indiana; KS Kansas; KY Kentucky; LA Louisiana; MA Massachusetts; MD Maryland; ME Maine; MI Michigan; MN Minnesota;
MO Missouri; MP Northern Mariana Islands; MS Mississippi; MT Montana; NC North Carolina; ND North Dakota; NE Nebraska;
NH New Hampshire; NJ New Jersey; NM New Mexico; NV Nevada; NY New York; OH Ohio; OK Oklahoma; OR Oregon;
PA Pennsylvania; PR Puerto Rico; RI Rhode Island; SC South Carolina; SD South Dakota; TN Tennessee; TX Texas;
UM United States Minor Outlying Islands; UT Utah; VA Virginia; VI Virgin Islands, U.S.; VT Vermont; WA Washington;
WI Wisconsin; WV West Virginia; WY Wyoming;
"""

OTHER_SUBDIVISION_NAMES = """
@AT
2 Carinthia; 3 Lower Austria; 4 Upper Austria; 6 Styria; 7 Tyrol; 9 Vienna;
@CH
BE Berne; GE Geneva; LU Lucerne; TI Tessin; VD Waadt; VS Wallis; ZH Zurich;
@DE
BY Bavaria; HE Hesse; MV Mecklenburg-Western Pomerania; NI Lower Saxony; NW North Rhine-Westphalia;
RP Rhineland-Palatinate; SN Saxony; ST Saxony-Anhalt; TH Thuringia;
@ES
AN Andalusia; AR Aragon; CT Catalonia; NC Navarre; PV Basque Country; MD Community of Madrid|Madrid;
@FR
BRE Brittany; IDF Paris Region; NOR Normandy; COR Corsica;
@IN
DL NCT of Delhi|New Delhi; OR Orissa|OD; PY Pondicherry; UT UK|Uttaranchal;
@IT
21 Piedmont; 25 Lombardy; 52 Tuscany; 62 Latium; 75 Apulia; 82 Sicily; 88 Sardinia;
@MX
CMX Mexico City|Distrito Federal; MEX State of Mexico;
@NL
NB North Brabant; NH North Holland; ZH South Holland; FR Friesland;
@US
DC Washington DC|Washington D.C.;
"""
